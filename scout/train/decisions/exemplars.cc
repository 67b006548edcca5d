// Bonuses for states that are easily told from those seen before (Fu, Co-Reyes & Levine 2017, "EX2: exploration with
// exemplar models"), amortised (their section 4.2): one discriminator D(x*, x) that takes the exemplar x* as an input, on
// noisy codes z ~ N(m(x), σ(x)²) (their section 3.3 and eq. 8):
//
//     ascend E[log D(x*, x*)] + E_{x of the replay}[log(1 - D(x*, x))] - w KL(z, N(0, I))
//     p(x) ∝ (1 - D(x, x)) / D(x, x)   (their eq. 3),   r <- r + scale (-log p(x') - its median)
//
// A round's new states are rated before the discriminator learns to tell them.
#include <algorithm>
#include <cmath>

#include "scout/train/decisions/exploration.h"

namespace scout::exploration {
namespace {

constexpr int kDraws = 4;               ///< codes that a state is rated by
constexpr float kMostLogit = 11.5129F;  ///< D is kept 1e-5 away from 0 and 1
constexpr float kMostLogVariance = 10;

class Exemplars final : public Exploration {
 public:
  explicit Exemplars(const ExplorationContext& context)
      : Exploration(context),
        own_(context.options.exemplars),
        encoder_(layer_sizes(context.head.inputs(), own_.hidden, 2 * own_.code)),
        discriminator_(layer_sizes(2 * own_.code, own_.hidden, 1)) {
    Random random(context.seed.derive("exemplars"));
    encoder_parameters_ = encoder_.initial_parameters(random, 0.5F);
    parameters_ = discriminator_.initial_parameters(random, 0.1F);
  }

  std::shared_ptr<Mover> mover(std::span<const float>, Random& random) const override {
    return drawn_noise(options(), random);
  }

  void reward(std::span<const float> parameters, std::span<Trajectory> trajectories) override {
    if (trajectories.empty() || !normalises(parameters)) return;
    // The states that each decision led to.
    const std::size_t before = fresh_.size();
    for (const Trajectory& t : trajectories) {
      if (t.steps() == 0) continue;
      const std::size_t first = static_cast<std::size_t>(t.coordinates) * inputs();
      fresh_.insert(fresh_.end(), t.states.begin() + static_cast<std::ptrdiff_t>(first), t.states.end());
    }
    const std::size_t rows = (fresh_.size() - before) / inputs();
    head().normalise(parameters.data(), fresh_.data() + before, rows);
    if (updates_ < own_.warm_up || rows == 0) return;
    std::vector<float> bonus = rate(std::span(fresh_).subspan(before), rows);
    std::vector<float> sorted = bonus;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(rows / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    auto next = bonus.begin();
    for (Trajectory& t : trajectories) {
      for (float& r : t.rewards) {
        const double added = own_.scale * static_cast<double>(*next++ - *middle);
        r += static_cast<float>(added);
        bonus_ += std::abs(added), ++count_;
      }
    }
  }

  DdpgReport update(const Batch& batch, Random& random) override {
    if (!fresh_.empty()) fit(batch, random);
    return Exploration::update(batch, random);
  }

  void end_round() override {
    fresh_.clear();
    told_ = count_ > 0 ? bonus_ / static_cast<double>(count_) : 0;
    bonus_ = 0, count_ = 0;
  }
  void report(std::vector<Metric>& metrics) const override {
    metrics.push_back({"exploration_bonus", told_});
    metrics.push_back({"exemplar_loss", loss_});
  }

  void save(ArchiveWriter& archive) const override { const_cast<Exemplars*>(this)->visit(archive); }
  void restore(ArchiveReader& archive) override {
    visit(archive);
    if (fresh_.size() % inputs() != 0) archive.fail("states of another length");
  }

 private:
  void visit(auto& archive) {
    archive.fixed(encoder_parameters_, parameters_);
    archive(encoder_adam_, adam_, fresh_, updates_, rated_, bonus_, count_, loss_);
  }
  std::size_t code() const { return static_cast<std::size_t>(own_.code); }

  /// A code of row `row` of the encoder's latest outputs, with noise that is drawn into `noise` [code].
  void draw_code(std::size_t row, Random& random, float* noise, float* z) const {
    const float* output = encoder_trace_.activations.back().data() + row * 2 * code();
    for (std::size_t i = 0; i < code(); ++i) {
      noise[i] = static_cast<float>(random.normal());
      z[i] = output[i] + deviation(output[code() + i]) * noise[i];
    }
  }
  static float deviation(float log_variance) {
    return std::exp(0.5F * std::clamp(log_variance, -kMostLogVariance, kMostLogVariance));
  }

  /// log D/(1 - D) of states [rows, S] as their own exemplars.
  std::vector<float> rate(std::span<const float> states, std::size_t rows) {
    Random random(context_.seed.derive("rating").derive(static_cast<std::uint64_t>(rated_++)));
    const auto n = static_cast<int>(rows);
    encoder_.forward(encoder_parameters_.data(), states.data(), n, encoder_trace_);
    std::vector<float> out(rows), noise(code());
    pairs_.resize(rows * 2 * code());
    for (int draw = 0; draw < kDraws; ++draw) {
      for (std::size_t k = 0; k < 2 * rows; ++k) draw_code(k / 2, random, noise.data(), pairs_.data() + k * code());
      const std::span<float> logits = discriminator_.forward(parameters_.data(), pairs_.data(), n, trace_);
      for (std::size_t r = 0; r < rows; ++r) out[r] += std::clamp(logits[r], -kMostLogit, kMostLogit) / kDraws;
    }
    return out;
  }

  /// One step on as many exemplars, from the round's new states, as the batch has states, which are what they are told from.
  void fit(const Batch& batch, Random& random) {
    const auto n = static_cast<std::size_t>(batch.begin.back());
    const auto all = static_cast<int>(n);
    const std::size_t c = code();
    states_.resize(n * inputs());
    for (std::size_t r = 0; r < n; ++r) {
      const std::size_t chosen = random.index(fresh_.size() / inputs());
      std::copy_n(fresh_.data() + chosen * inputs(), inputs(), states_.data() + r * inputs());
    }
    states_.insert(states_.end(), batch.next_states.begin(), batch.next_states.end());
    encoder_.forward(encoder_parameters_.data(), states_.data(), 2 * all, encoder_trace_);
    // Pairs of an exemplar's code with another of its own, then with that of a state of the replay. `noise_` lies alike.
    pairs_.resize(4 * n * c);
    noise_.resize(4 * n * c);
    for (std::size_t r = 0; r < n; ++r) {
      const std::size_t same = r * 2 * c, other = (n + r) * 2 * c;
      draw_code(r, random, noise_.data() + same, pairs_.data() + same);
      draw_code(r, random, noise_.data() + same + c, pairs_.data() + same + c);
      std::copy_n(noise_.data() + same, c, noise_.data() + other);
      std::copy_n(pairs_.data() + same, c, pairs_.data() + other);
      draw_code(n + r, random, noise_.data() + other + c, pairs_.data() + other + c);
    }
    const std::span<float> logits = discriminator_.forward(parameters_.data(), pairs_.data(), 2 * all, trace_);
    std::vector<float> d_logits(2 * n), d_pairs(4 * n * c), d_codes(4 * n * c);
    loss_ = 0;
    for (std::size_t r = 0; r < 2 * n; ++r) {
      const float d = 1 / (1 + std::exp(-logits[r])), wanted = r < n ? 1.0F : 0.0F;
      d_logits[r] = (d - wanted) / static_cast<float>(n);
      loss_ -= std::log(std::max(static_cast<double>(r < n ? d : 1 - d), 1e-9)) / static_cast<double>(n);
    }
    gradient_.assign(parameters_.size(), 0.0F);
    discriminator_.backward(parameters_.data(), pairs_.data(), d_logits.data(), trace_, gradient_.data(), d_pairs.data());
    adam_.update(parameters_, gradient_, own_.learning_rate);

    // Through the codes: z = m + σε, σ = exp(½ log σ²); and the divergence, ½ Σ (m² + σ² - 1 - log σ²), of each state once.
    const std::vector<float>& outputs = encoder_trace_.activations.back();
    const float kl = static_cast<float>(own_.kl) / static_cast<float>(n);
    for (std::size_t row = 0; row < 2 * n; ++row) {
      float* d_mean = d_codes.data() + row * 2 * c;
      float* d_log = d_mean + c;
      const float* mean = outputs.data() + row * 2 * c;
      for (std::size_t i = 0; i < c; ++i) {
        const float sigma = deviation(mean[c + i]);
        const auto add = [&](std::size_t at) {
          d_mean[i] += d_pairs[at + i];
          d_log[i] += 0.5F * sigma * noise_[at + i] * d_pairs[at + i];
        };
        if (row < n) {
          add(row * 2 * c), add(row * 2 * c + c), add((n + row) * 2 * c);
        } else {
          add(row * 2 * c + c);
        }
        d_mean[i] += kl * mean[i];
        d_log[i] += kl * 0.5F * (sigma * sigma - 1);
        if (std::abs(mean[c + i]) > kMostLogVariance && mean[c + i] * d_log[i] < 0) d_log[i] = 0;
      }
    }
    gradient_.assign(encoder_parameters_.size(), 0.0F);
    encoder_.backward(encoder_parameters_.data(), states_.data(), d_codes.data(), encoder_trace_, gradient_.data(), nullptr);
    encoder_adam_.update(encoder_parameters_, gradient_, own_.learning_rate);
    ++updates_;
  }

  ExemplarOptions own_;
  Mlp encoder_, discriminator_;
  std::vector<float> encoder_parameters_, parameters_, gradient_;
  Adam encoder_adam_, adam_;
  Mlp::Trace encoder_trace_, trace_;
  std::vector<float> fresh_;  // normalised states [n, S] that the round has brought
  std::vector<float> states_, pairs_, noise_;
  std::int64_t updates_ = 0, rated_ = 0;
  double bonus_ = 0;  // of the round: the sum of sizes, and over how many
  std::int64_t count_ = 0;
  double told_ = 0, loss_ = 0;
};

}  // namespace

extern const ExplorationEntry exemplars{"exemplars",
                                        "a bonus for states that are easily told from others (EX2, Fu et al. 2017)",
                                        {"noise", "noise_high", "exemplars."},
                                        {},
                                        make_exploration_of<Exemplars>};

}  // namespace scout::exploration
