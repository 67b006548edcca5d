// The hand-written gradients of the learner against LibTorch's autograd.
#include "scout/train/ddpg/ddpg.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <tuple>

namespace scout {
namespace {

constexpr int kFeatures = 5;
constexpr int kHidden = 8;

/// What `Ddpg::visit` visits.
struct State {
  std::vector<std::vector<float>> vectors;
  void operator()(const std::vector<float>& numbers) { vectors.push_back(numbers); }
  void operator()(auto&... several) requires(sizeof...(several) > 1) { ((*this)(several), ...); }
  void operator()(Adam& adam) { adam.visit(*this); }
  void fixed(const auto&... lists) { ((*this)(lists), ...); }
  void operator()(std::int64_t) {}

  const std::vector<float>& actor() const { return vectors.at(0); }
  const std::vector<float>& actor_target() const { return vectors.at(1); }
  const std::vector<float>& critic(int k) const { return vectors.at(at(k)); }
  const std::vector<float>& critic_target(int k) const { return vectors.at(at(k) + 1); }
  /// After one update of Adam, whose mean is then a tenth of the gradient.
  std::vector<float> critic_gradient(int k) const { return tenfold(vectors.at(at(k) + 2)); }
  std::vector<float> actor_gradient() const { return tenfold(vectors.at(at(2))); }

 private:
  static std::size_t at(int k) { return 3 + 4 * static_cast<std::size_t>(k); }  // the actor's Adam comes last
  static std::vector<float> tenfold(std::vector<float> numbers) {
    for (float& x : numbers) x *= 10.0F;
    return numbers;
  }
};

State state_of(Ddpg& ddpg) {
  State state;
  ddpg.visit(state);
  return state;
}

/// States of 1, 2, ... `most` rows.
Batch random_batch(int size, int most = 4) {
  Random random(Seed(7));
  Batch batch;
  batch.clear(0, kFeatures, 1);
  for (int b = 0; b < size; ++b) {
    const int rows = 1 + b % most;
    batch.begin.push_back(batch.begin.back() + rows);
    batch.discounts.push_back(b == 2 ? 0.0F : 0.9F);
    for (int r = 0; r < rows; ++r) {
      batch.actions.push_back(static_cast<float>(random.uniform(-1, 1)));
      batch.returns.push_back(static_cast<float>(2 * random.normal()));
      for (int f = 0; f < kFeatures; ++f) {
        batch.states.push_back(static_cast<float>(random.normal()));
        batch.next_states.push_back(static_cast<float>(random.normal()));
      }
    }
  }
  return batch;
}

torch::Tensor tensor(const std::vector<float>& numbers) { return torch::tensor(numbers).to(torch::kDouble); }
torch::Tensor rows_of(const std::vector<float>& numbers, int width) { return tensor(numbers).reshape({-1, width}); }

/// The same networks, from flat parameters in double precision.
class Reference {
 public:
  Reference(const DdpgOptions& options, const Batch& batch) : options_(options), batch_(batch) {}

  /// The actor's outputs, before they are bounded.
  torch::Tensor outputs(const torch::Tensor& parameters, const torch::Tensor& states) const {
    std::int64_t offset = 0;
    auto x = torch::relu(linear(parameters, offset, states, kHidden));
    x = torch::relu(linear(parameters, offset, x, kHidden));
    return linear(parameters, offset, x, 1);
  }
  torch::Tensor actor(const torch::Tensor& parameters, const torch::Tensor& states) const {
    return torch::clamp(outputs(parameters, states), -1, 1);
  }

  /// q [N, 1].
  torch::Tensor critic(const torch::Tensor& parameters, const torch::Tensor& states, const torch::Tensor& actions) const {
    std::int64_t offset = 0;
    const auto h = torch::relu(linear(parameters, offset, torch::cat({states, actions}, 1), kHidden));
    auto second = linear(parameters, offset, h, kHidden);
    if (options_.pooled_critic) {
      std::vector<torch::Tensor> means;
      for (int b = 0; b < batch_.size(); ++b) means.push_back(of_state(h, b).mean(0, true).expand_as(of_state(h, b)));
      second = second + linear(parameters, offset, torch::cat(means), kHidden);
    }
    return linear(parameters, offset, torch::relu(second), 1);
  }

  torch::Tensor targets(const State& before, const std::vector<float>& noise) const {
    const auto next = rows_of(batch_.next_states, kFeatures);
    const auto actions = torch::clamp(actor(tensor(before.actor_target()), next) + rows_of(noise, 1), -1, 1);
    auto q = critic(tensor(before.critic_target(0)), next, actions);
    if (options_.twin_critics) q = torch::min(q, critic(tensor(before.critic_target(1)), next, actions));
    std::vector<torch::Tensor> out;
    for (int b = 0; b < batch_.size(); ++b) {
      out.push_back(of_state(rows_of(batch_.returns, 1), b) +
                    static_cast<double>(batch_.discounts[static_cast<std::size_t>(b)]) * of_state(q, b));
    }
    return torch::cat(out);
  }

  torch::Tensor critic_loss(const torch::Tensor& parameters, const torch::Tensor& y) const {
    const auto q = critic(parameters, rows_of(batch_.states, kFeatures), rows_of(batch_.actions, 1));
    torch::Tensor loss = torch::zeros({}, torch::kDouble);
    for (int b = 0; b < batch_.size(); ++b) {
      auto error = of_state(q - y, b);
      if (options_.credit == "shared") error = error.mean();
      loss = loss + torch::huber_loss(error, torch::zeros_like(error), at::Reduction::Mean, options_.loss_bound);
    }
    return loss / batch_.size();
  }

  torch::Tensor actor_loss(const torch::Tensor& parameters, const std::vector<float>& critic_parameters) const {
    const auto states = rows_of(batch_.states, kFeatures);
    const auto replayed = rows_of(batch_.actions, 1);
    const auto actions = actor(parameters, states);
    const auto q = critic(tensor(critic_parameters), states, actions);
    const auto others =
        options_.imitate == "outcome" ? rows_of(batch_.outcomes, 1) : critic(tensor(critic_parameters), states, replayed);
    const auto advantage = (others - q).detach();
    auto weight = torch::clamp(advantage, 0, 1);
    if (options_.imitate == "explorers") {
      weight = torch::zeros_like(weight);
      for (int b = 0; b < batch_.size(); ++b) of_state(weight, b).fill_(batch_.demonstrated[static_cast<std::size_t>(b)]);
    }
    const auto pull = 0.5 * weight * torch::square(actions - replayed);
    torch::Tensor loss = torch::zeros({}, torch::kDouble);
    for (int b = 0; b < batch_.size(); ++b) loss = loss + of_state(options_.imitation * pull - q, b).mean();
    return loss / batch_.size() + options_.output_penalty * torch::square(outputs(parameters, states)).mean();
  }

 private:
  static torch::Tensor linear(const torch::Tensor& parameters, std::int64_t& offset, const torch::Tensor& x,
                              std::int64_t out) {
    const auto in = x.size(1);
    const auto weight = parameters.slice(0, offset, offset + out * in).reshape({out, in});
    const auto bias = parameters.slice(0, offset + out * in, offset + out * (in + 1));
    offset += out * (in + 1);
    return torch::matmul(x, weight.t()) + bias;
  }
  torch::Tensor of_state(const torch::Tensor& rows, int b) const {
    return rows.slice(0, batch_.begin[static_cast<std::size_t>(b)], batch_.begin[static_cast<std::size_t>(b) + 1]);
  }

  const DdpgOptions& options_;
  const Batch& batch_;
};

void expect_near(const std::vector<float>& actual, const torch::Tensor& expected, const char* what) {
  ASSERT_EQ(static_cast<std::int64_t>(actual.size()), expected.numel()) << what;
  const double scale = expected.abs().max().item<double>();
  ASSERT_GT(scale, 0) << what;
  const double error = (tensor(actual) - expected).abs().max().item<double>();
  EXPECT_LT(error, 2e-5 * scale) << what;
}

using Case = std::tuple<bool /*pooled*/, const char* /*credit*/, bool /*twin*/, int /*threads*/, int /*most rows*/,
                        const char* /*imitate*/>;
class DdpgUpdate : public testing::TestWithParam<Case> {};

TEST_P(DdpgUpdate, HasTheGradientsOfAutograd) {
  DdpgOptions options;
  options.critic_hidden = {kHidden, kHidden};
  options.pooled_critic = std::get<0>(GetParam());
  options.credit = std::get<1>(GetParam());
  options.twin_critics = std::get<2>(GetParam());
  options.critic_first = 0;
  options.actor_delay = 1;
  options.gradient_clip = 0;
  options.loss_bound = 0.7;
  options.imitation = 3;
  options.imitate = std::get<5>(GetParam());
  options.output_penalty = 0.2;
  ThreadTeam team(std::get<3>(GetParam()));
  Ddpg ddpg(Actor(kFeatures, {kHidden, kHidden}, 1), options, Seed(5), team);
  Batch batch = random_batch(11, std::get<4>(GetParam()));
  Random outcome(Seed(4));
  for (std::size_t i = 0; i < batch.returns.size(); ++i) batch.outcomes.push_back(static_cast<float>(outcome.normal()));
  for (int b = 0; b < batch.size(); ++b) batch.demonstrated.push_back(b % 3 == 1);
  const State before = state_of(ddpg);
  Random random(Seed(3));
  ddpg.update(batch, random);
  const State after = state_of(ddpg);

  Random again(Seed(3));
  std::vector<float> noise;
  for (std::size_t i = 0; i < batch.actions.size(); ++i) {
    const double bound = options.target_noise_clip;
    noise.push_back(static_cast<float>(std::clamp(options.target_noise * again.normal(), -bound, bound)));
  }
  const Reference reference(options, batch);
  const auto y = reference.targets(before, noise);
  for (int k = 0; k < (options.twin_critics ? 2 : 1); ++k) {
    const auto parameters = tensor(before.critic(k)).requires_grad_();
    reference.critic_loss(parameters, y).backward();
    expect_near(after.critic_gradient(k), parameters.grad(), "critic");
  }
  const auto parameters = tensor(before.actor()).requires_grad_();
  reference.actor_loss(parameters, after.critic(0)).backward();
  expect_near(after.actor_gradient(), parameters.grad(), "actor");

  const double tau = options.target_rate;
  expect_near(after.actor_target(), tensor(before.actor_target()) * (1 - tau) + tensor(after.actor()) * tau,
              "actor's target");
  expect_near(after.critic_target(0), tensor(before.critic_target(0)) * (1 - tau) + tensor(after.critic(0)) * tau,
              "critic's target");
}

INSTANTIATE_TEST_SUITE_P(All, DdpgUpdate,
                         testing::Combine(testing::Bool(), testing::Values("coordinate", "shared"), testing::Bool(),
                                          testing::Values(1, 3), testing::Values(1, 4),
                                          testing::Values("critic", "outcome", "explorers")),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param) ? "Pooled" : "Plain") +
                                  (std::string(std::get<1>(test.param)) == "shared" ? "Shared" : "Coordinate") +
                                  (std::get<2>(test.param) ? "Twin" : "Single") + std::to_string(std::get<3>(test.param)) +
                                  (std::get<4>(test.param) == 1 ? "OneRow" : "") +
                                  (std::string(std::get<5>(test.param)) == "critic" ? "" : std::get<5>(test.param));
                         });

TEST(Ddpg, DelaysTheActorAndWaitsForTheCritic) {
  DdpgOptions options;
  options.critic_hidden = {kHidden, kHidden};
  options.critic_first = 3;
  options.actor_delay = 2;
  ThreadTeam team(1);
  Ddpg ddpg(Actor(kFeatures, {kHidden}, 1), options, Seed(5), team);
  const Batch batch = random_batch(4);
  Random random(Seed(3));
  std::vector<bool> actor_moved, target_moved;
  for (int k = 0; k < 6; ++k) {
    const State before = state_of(ddpg);
    ddpg.update(batch, random);
    const State after = state_of(ddpg);
    actor_moved.push_back(before.actor() != after.actor());
    target_moved.push_back(before.critic_target(0) != after.critic_target(0));
  }
  EXPECT_EQ(actor_moved, (std::vector<bool>{false, false, false, true, false, true}));
  EXPECT_EQ(target_moved, (std::vector<bool>{false, true, false, true, false, true}));
  EXPECT_EQ(ddpg.updates(), 6);
}

TEST(Ddpg, IsToldWhatToImitate) {
  DdpgOptions options;
  options.critic_hidden = {kHidden, kHidden};
  options.imitate = "explorers";
  ThreadTeam team(1);
  Ddpg ddpg(Actor(kFeatures, {kHidden}, 1), options, Seed(5), team);
  Random random(Seed(3));
  Batch batch = random_batch(4);
  EXPECT_THROW(ddpg.update(batch, random), std::invalid_argument);
  batch.demonstrated.assign(4, 0);
  EXPECT_NO_THROW(ddpg.update(batch, random));
  batch.demonstrated.clear();
  ddpg.weigh_imitation(0);
  EXPECT_NO_THROW(ddpg.update(batch, random));
}

TEST(Ddpg, BoundsTheNormOfGradients) {
  DdpgOptions options;
  options.critic_hidden = {kHidden, kHidden};
  options.gradient_clip = 1e-3;
  ThreadTeam team(1);
  Ddpg ddpg(Actor(kFeatures, {kHidden}, 1), options, Seed(5), team);
  Random random(Seed(3));
  ddpg.update(random_batch(8), random);
  double square = 0;
  for (float g : state_of(ddpg).critic_gradient(0)) square += static_cast<double>(g * g);
  EXPECT_NEAR(std::sqrt(square), 1e-3, 1e-7);
}

/// Positions [begin, end) differ, and no other does.
void expect_moved(const std::vector<float>& before, const std::vector<float>& after, std::size_t begin, std::size_t end) {
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (i < begin || i >= end) {
      EXPECT_EQ(after[i], before[i]) << i;
    }
  }
  EXPECT_FALSE(std::equal(before.begin() + static_cast<std::ptrdiff_t>(begin),
                          before.begin() + static_cast<std::ptrdiff_t>(end),
                          after.begin() + static_cast<std::ptrdiff_t>(begin)));
}

TEST(Ddpg, MovesItsOwnSliceAndTakesOnTheRest) {
  DdpgOptions options;
  options.critic_hidden = {kHidden, kHidden};
  options.critic_first = 0;
  options.actor_delay = 1;
  ThreadTeam team(1);
  Ddpg ddpg(Actor(kFeatures, {kHidden}, 1), options, Seed(5), team);
  constexpr std::size_t begin = 7, end = 31;
  ddpg.own(begin, end);
  std::vector<float> adopted = ddpg.actor_parameters();
  for (float& x : adopted) x += 1;
  const State first = state_of(ddpg);
  ddpg.adopt(adopted);
  const State before = state_of(ddpg);
  for (std::size_t i = 0; i < adopted.size(); ++i) {
    const bool own = i >= begin && i < end;
    EXPECT_EQ(before.actor()[i], own ? first.actor()[i] : adopted[i]) << i;
    EXPECT_EQ(before.actor_target()[i], own ? first.actor_target()[i] : adopted[i]) << i;
  }
  EXPECT_EQ(ddpg.averaged_parameters(), first.actor()) << "whoever learns the rest averages it";
  Random random(Seed(3));
  for (int k = 0; k < 5; ++k) ddpg.update(random_batch(6), random);
  const State after = state_of(ddpg);
  expect_moved(before.actor(), after.actor(), begin, end);
  expect_moved(before.actor_target(), after.actor_target(), begin, end);
  expect_moved(first.actor(), ddpg.averaged_parameters(), begin, end);
}

TEST(Adam, IsLibTorchsAdam) {
  std::vector<float> parameters{1, -2, 3};
  auto reference = torch::tensor({1.0, -2.0, 3.0}, torch::kDouble).requires_grad_();
  torch::optim::Adam optimizer({reference}, torch::optim::AdamOptions(0.05));
  Adam adam;
  Random random(Seed(1));
  for (int k = 0; k < 20; ++k) {
    std::vector<float> gradient(3);
    for (float& g : gradient) g = static_cast<float>(random.normal());
    adam.update(parameters, gradient, 0.05);
    reference.mutable_grad() = tensor(gradient);
    optimizer.step();
  }
  expect_near(parameters, reference.detach(), "parameters");
}

TEST(Ddpg, ScalesItsRates) {
  DdpgOptions half;
  half.critic_first = 0;
  DdpgOptions whole = half;
  whole.actor_learning_rate *= 2;
  whole.critic_learning_rate *= 2;
  ThreadTeam team(1);
  const Actor actor(kFeatures, {kHidden, kHidden}, 1);
  Ddpg one(actor, half, Seed(1), team), other(actor, whole, Seed(1), team);
  other.scale_rates(0.5);
  const Batch batch = random_batch(6);
  const std::vector<float> before = one.actor_parameters();
  for (Ddpg* ddpg : {&one, &other}) {
    Random random(Seed(2));
    for (int k = 0; k < 6; ++k) ddpg->update(batch, random);
  }
  EXPECT_NE(one.actor_parameters(), before);
  EXPECT_EQ(one.actor_parameters(), other.actor_parameters());
  other.scale_rates(0);
  const std::vector<float> still = other.actor_parameters();
  Random random(Seed(3));
  for (int k = 0; k < 4; ++k) other.update(batch, random);
  EXPECT_EQ(other.actor_parameters(), still);
}

}  // namespace
}  // namespace scout
