// Divide and conquer (Ghosh et al. 2018, "Divide-and-conquer reinforcement learning"): runs are divided into parts by their
// context; each part has a policy that learns from its own runs; the policies are kept near each other; and every few rounds
// one policy is made of them, from which all go on. Their eq. 5, with the divergence of normal policies of equal deviations,
// which is a squared distance of decisions:
//
//     descend -Q_i(s, π_i(s)) + α/2 |π_i(s) - mean_{j≠i} π_j(s)|²,        then     min_π Σ_i E_{s of i} |π(s) - π_i(s)|².
//
// A run's context is its row at the second decision, when something has been seen of it; the first is the one policy's.
#include <algorithm>
#include <cmath>
#include <deque>

#include "scout/train/decisions/exploration.h"

namespace scout::exploration {
namespace {

/// The number of the nearest of some centres [k, n].
std::size_t nearest(std::span<const float> centres, std::span<const float> point) {
  std::size_t best = 0;
  double least = 0;
  for (std::size_t k = 0; k * point.size() < centres.size(); ++k) {
    double distance = 0;
    for (std::size_t i = 0; i < point.size(); ++i) {
      distance += std::pow(static_cast<double>(point[i] - centres[k * point.size() + i]), 2);
    }
    if (k == 0 || distance < least) best = k, least = distance;
  }
  return best;
}

/// k-means (Lloyd 1982) of points [m, n], m >= k, that begins with points drawn at random.
std::vector<float> centres_of(const std::vector<float>& points, std::size_t n, std::size_t k, Random& random) {
  std::vector<std::size_t> order(points.size() / n);
  for (std::size_t p = 0; p < order.size(); ++p) order[p] = p;
  shuffle(std::span(order), random);
  std::vector<float> centres;
  const auto point = [&](std::size_t p) { return std::span(points).subspan(p * n, n); };
  for (std::size_t c = 0; c < k; ++c) centres.insert(centres.end(), point(order[c]).begin(), point(order[c]).end());
  for (int pass = 0; pass < 30; ++pass) {
    std::vector<double> sums(k * n);
    std::vector<int> counts(k);
    for (std::size_t p = 0; p < order.size(); ++p) {
      const std::size_t c = nearest(centres, point(p));
      ++counts[c];
      for (std::size_t i = 0; i < n; ++i) sums[c * n + i] += static_cast<double>(point(p)[i]);
    }
    for (std::size_t i = 0; i < centres.size(); ++i) {
      if (counts[i / n] > 0) centres[i] = static_cast<float>(sums[i] / counts[i / n]);
    }
  }
  return centres;
}

/// The mean of rows [R, S], normalised.
std::vector<float> context_of(const DecisionHead& head, const float* parameters, std::span<const float> rows) {
  const auto n = static_cast<std::size_t>(head.inputs());
  std::vector<float> all(rows.begin(), rows.end()), mean(n);
  head.normalise(parameters, all.data(), all.size() / n);
  for (std::size_t i = 0; i < all.size(); ++i) mean[i % n] += all[i] / static_cast<float>(all.size() / n);
  return mean;
}

/// Decides by the policy of the part that a run turns out to be of.
class PartMover final : public DecisionMover {
 public:
  PartMover(const DecisionHead& head, std::span<const float> parameters, std::vector<float> centres,
            std::vector<std::vector<float>> actors, std::shared_ptr<Mover> noise)
      : DecisionMover(std::move(noise)),
        head_(head),
        parameters_(parameters.begin(), parameters.end()),
        centres_(std::move(centres)),
        actors_(std::move(actors)) {}

  void change(std::span<const float> rows, std::span<float> decision) override {
    if (decided_++ == 0) return;
    if (decided_ == 2) {
      const std::vector<float>& actor = actors_[nearest(centres_, context_of(head_, parameters_.data(), rows))];
      std::ranges::copy(actor, parameters_.begin() + 2 * static_cast<std::ptrdiff_t>(head_.inputs()));
    }
    head_.decide(parameters_.data(), rows.data(), static_cast<int>(decision.size()) / head_.size(), scratch_,
                 decision.data());
  }

 private:
  const DecisionHead& head_;
  std::vector<float> parameters_, centres_;
  std::vector<std::vector<float>> actors_;
  int decided_ = 0;
  DecisionHead::Scratch scratch_;
};

class Divide final : public Exploration {
 public:
  explicit Divide(const ExplorationContext& context)
      : Exploration(context), own_(context.options.divide), one_(context.ddpg.actor_parameters()) {
    for (int k = 0; k < own_.parts; ++k) {
      Ddpg& part = parts_.emplace_back(context.head.actor(), context.options.ddpg, context.seed.derive("part").derive(k),
                                       context.team);
      part.start_from(one_);
      part.pull(own_.penalty);
      replays_.emplace_back(static_cast<std::size_t>(context.options.capacity));
    }
    batch_.outcomes_wanted = context.options.ddpg.imitate == "outcome";
    take_on();
  }

  std::shared_ptr<Mover> mover(std::span<const float> parameters, Random& random) const override {
    std::shared_ptr<Mover> noise = drawn_noise(options(), random);
    if (!divided()) return noise;
    return std::make_shared<PartMover>(head(), parameters, centres_, acting_, std::move(noise));
  }

  void reward(std::span<const float> parameters, std::span<Trajectory> trajectories) override {
    for (const Trajectory& t : trajectories) {
      if (t.steps() > 1) waiting_.push_back(t);
    }
    if (!normalises(parameters)) return;
    normaliser_.assign(parameters.begin(), parameters.begin() + static_cast<std::ptrdiff_t>(2 * inputs()));
    if (!divided()) {
      if (waiting_.size() < 2 * parts_.size()) return;
      std::vector<float> contexts;
      for (const Trajectory& t : waiting_) {
        const std::vector<float> context = context_of(t);
        contexts.insert(contexts.end(), context.begin(), context.end());
      }
      Random random(context_.seed.derive("parts"));
      centres_ = centres_of(contexts, inputs(), parts_.size(), random);
      one_ = context_.ddpg.actor_parameters();
      for (Ddpg& part : parts_) part.start_from(one_);
      take_on();
    }
    for (Trajectory& t : waiting_) replays_[nearest(centres_, context_of(t))].add(std::move(t));
    waiting_.clear();
  }

  /// Of one part, each in its turn; before there are parts, of the context's DDPG.
  DdpgReport update(const Batch& batch, Random& random) override {
    if (!divided()) return Exploration::update(batch, random);
    do {
      turn_ = (turn_ + 1) % parts_.size();
    } while (replays_[turn_].size() == 0);
    draw(turn_, random);
    pull_together(turn_);
    ++updates_;
    return parts_[turn_].update(batch_, random);
  }
  std::int64_t updates() const override { return context_.ddpg.updates() + updates_; }
  void schedule(double imitation, double rates) override {
    Exploration::schedule(imitation, rates);
    for (Ddpg& part : parts_) part.weigh_imitation(imitation), part.scale_rates(rates);
  }
  void end_round() override {
    if (divided() && ++rounds_ % own_.every == 0) unite();
    take_on();
  }

  const std::vector<float>& acting() const override { return divided() ? one_ : Exploration::acting(); }
  const std::vector<float>& kept() const override { return divided() ? one_ : Exploration::kept(); }
  void report(std::vector<Metric>& metrics) const override {
    metrics.push_back({"part_distance", distance_});
    metrics.push_back({"union_error", error_});
  }

  void save(ArchiveWriter& archive) const override { const_cast<Divide*>(this)->visit(archive); }
  void restore(ArchiveReader& archive) override {
    visit(archive);
    const bool sizes = (centres_.empty() || centres_.size() == parts_.size() * inputs()) && turn_ < parts_.size() &&
                       (normaliser_.empty() || normaliser_.size() == 2 * inputs());
    if (!sizes) archive.fail("parts of another number, or of other rows");
    for (const Replay& replay : replays_) replay.check(head().inputs(), head().size());
    take_on();
  }
  void share(ArchiveWriter& archive) const override {
    archive(centres_);
    for (const std::vector<float>& actor : acting_) archive(actor);
  }
  void adopt(ArchiveReader& archive) override {
    archive(centres_);
    if (!centres_.empty() && centres_.size() != parts_.size() * inputs()) archive.fail("parts of other rows");
    for (std::vector<float>& actor : acting_) archive.fixed(actor);
  }

 private:
  bool divided() const { return !centres_.empty(); }
  void visit(auto& archive) {
    archive.fixed(one_);
    archive(centres_, normaliser_, waiting_, turn_, updates_, rounds_, distance_, error_);
    for (Ddpg& part : parts_) archive(part);
    for (Replay& replay : replays_) archive(replay);
  }
  void take_on() {
    acting_.clear();
    for (const Ddpg& part : parts_) acting_.push_back(part.actor_parameters());
  }
  std::vector<float> context_of(const Trajectory& t) const {
    const std::size_t rows = static_cast<std::size_t>(t.coordinates) * inputs();
    return exploration::context_of(head(), normaliser_.data(), std::span(t.states).subspan(rows, rows));
  }

  /// A batch of a part's replay, with normalised rows.
  void draw(std::size_t part, Random& random) {
    const DdpgOptions& ddpg = options().ddpg;
    batch_.clear(ddpg.batch, head().inputs(), head().size());
    replays_[part].sample(ddpg.batch, ddpg.n_step, static_cast<float>(ddpg.discount), 0, random, batch_);
    const auto rows = static_cast<std::size_t>(batch_.begin.back());
    head().normalise(normaliser_.data(), batch_.states.data(), rows);
    head().normalise(normaliser_.data(), batch_.next_states.data(), rows);
  }
  std::vector<float> decide(const std::vector<float>& actor) {
    std::vector<float> out(batch_.actions.size());
    head().actor().forward(actor.data(), batch_.states.data(), batch_.begin.back(), trace_, out.data());
    return out;
  }

  /// What the others would decide, on average, in the batch's states.
  void pull_together(std::size_t part) {
    std::vector<float>& mean = batch_.pulls;
    mean.assign(batch_.actions.size(), 0.0F);
    for (std::size_t other = 0; other < parts_.size(); ++other) {
      if (other == part) continue;
      const std::vector<float> decisions = decide(parts_[other].actor_parameters());
      for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += decisions[i] / static_cast<float>(parts_.size() - 1);
    }
    distance_ = root_mean_square(decide(parts_[part].actor_parameters()), mean);
  }
  static double root_mean_square(const std::vector<float>& one, const std::vector<float>& other) {
    double square = 0;
    for (std::size_t i = 0; i < one.size(); ++i) square += std::pow(static_cast<double>(one[i] - other[i]), 2);
    return std::sqrt(square / static_cast<double>(one.size()));
  }

  /// One policy of all, by regression on their decisions in the states of each; and all go on from that.
  void unite() {
    Random random(context_.seed.derive("union").derive(static_cast<std::uint64_t>(rounds_)));
    Adam adam;
    std::vector<float> gradient, d_decisions;
    for (int step = 0; step < own_.steps; ++step) {
      const std::size_t part = static_cast<std::size_t>(step) % parts_.size();
      if (replays_[part].size() == 0) continue;
      draw(part, random);
      const std::vector<float> wanted = decide(parts_[part].actor_parameters());
      const std::vector<float> decisions = decide(one_);  // whose trace is left
      error_ = root_mean_square(decisions, wanted);
      d_decisions.resize(decisions.size());
      for (std::size_t i = 0; i < decisions.size(); ++i) {
        d_decisions[i] = 2 * (decisions[i] - wanted[i]) / static_cast<float>(batch_.begin.back());
      }
      gradient.assign(one_.size(), 0.0F);
      head().actor().backward(one_.data(), batch_.states.data(), d_decisions.data(), trace_, gradient.data());
      adam.update(one_, gradient, own_.learning_rate);
    }
    for (Ddpg& part : parts_) part.start_from(one_);
  }

  DivideOptions own_;
  std::vector<float> one_;  // the policy of all, as it was last made
  std::deque<Ddpg> parts_;
  std::deque<Replay> replays_;              // of each
  std::vector<std::vector<float>> acting_;  // actors of each, as they were at the end of the last round
  std::vector<float> centres_;              // [k, S]; empty: there are no parts yet
  std::vector<float> normaliser_;           // of the head; empty: there is none yet
  std::vector<Trajectory> waiting_;         // for that
  std::size_t turn_ = 0;                    // the part that had the last update
  std::int64_t updates_ = 0, rounds_ = 0;
  double distance_ = 0, error_ = 0;  // the latest
  Batch batch_;
  Actor::Trace trace_;
};

}  // namespace

extern const ExplorationEntry divide{"divide",
                                     "policies of parts of the runs, united every few rounds (Ghosh et al. 2018)",
                                     {"noise", "noise_high", "divide."},
                                     {},
                                     make_exploration_of<Divide>};

}  // namespace scout::exploration
