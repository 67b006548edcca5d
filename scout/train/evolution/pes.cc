// The learner "pes": persistent evolution strategies (Vicol, Metz & Sohl-Dickstein 2021; see persistent_es.h) with Adam.
// Episodes are cut into truncations, and the parameters learn after each.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "scout/train/evolution/persistent_es.h"
#include "scout/train/learner/adam_on_slice.h"
#include "scout/train/learner/decision_rows.h"

namespace scout::learner {
namespace {

struct PesOptions {
  int pairs = 16;
  int truncation = 50;
  double deviation = 0.01;
  double learning_rate = 3e-4;
  bool persistent = true;
  bool stagger = true;
  std::string loss = "mean";
  double floor = 1e-5;
  double average = 0;
  std::string slice = "all";

  void describe(auto&& visit) {
    visit("pairs", pairs, "antithetic pairs of particles, each on an episode of its own", at_least(1));
    visit("truncation", truncation, "steps of every particle in a round", at_least(1));
    visit("deviation", deviation, "standard deviation of the perturbations", positive());
    visit("learning_rate", learning_rate, "Adam's step", positive());
    visit("persistent", persistent,
          "credit a loss to all perturbations of its episode; off: to the latest alone, which is truncated ES");
    visit("stagger", stagger, "the first episode of each pair ends after a random number of steps");
    visit("loss", loss,
          "of an episode: the log gap, on networks the log loss, as the mean over its steps or at its end, the sum of what "
          "truncations add to it",
          OneOf{{"mean", "final"}});
    visit("floor", floor, "gaps below this share of the start's gap are not told apart", positive());
    visit("average", average, "decay of the running average that is judged and kept", between(0, 1));
    visit("slice", slice,
          "the parameters that it learns: all of the actor's, its context head, its rest, or the decision head",
          OneOf{{"all", "head", "body", "decisions"}});
  }
};

/// Of a pair, at most.
constexpr std::int64_t kMostEpisodes = std::int64_t{1} << 31;

/// log of the share of the start's gap that is left where an episode stands, or of the start's loss.
double loss_of(const Episode& episode, double floor) {
  double share = 0;
  if (episode.options().weights) {
    share = (episode.value() - episode.reference()) / episode.start_gap();
  } else if (episode.instance().optimum_value()) {
    share = (episode.best_value() - episode.reference()) / episode.start_gap();
  } else {
    share = 1 / (1 + (episode.start_value() - episode.best_value()) / episode.start_gap());
  }
  if (episode.failed() || !std::isfinite(share)) share = std::numeric_limits<double>::max();
  return log_share(std::max(0.0, share), floor);
}

/// Looks at the loss before every step of an episode. Hands it other parameters after every truncation, if it has some.
class Particle final : public Mover {
 public:
  using Steppers = std::vector<std::shared_ptr<const Stepper>>;

  /// `steppers`: of each truncation.
  Particle(Steppers steppers, const PesOptions& options) : steppers_(std::move(steppers)), options_(options) {}

  void prepare(Episode& episode) override {
    const std::size_t step = losses_.size();
    losses_.push_back(loss_of(episode, options_.floor));
    const auto truncation = static_cast<std::size_t>(options_.truncation);
    if (step > 0 && step % truncation == 0) episode.act_with(steppers_[step / truncation]);
  }

  /// The loss of steps [begin, end), as a part of a truncation's, once it is where it is. An episode that was over before
  /// then stays as it was.
  double loss(const Episode& episode, std::size_t begin, std::size_t end) const {
    const double last = loss_of(episode, options_.floor);
    const auto after = [&](std::size_t step) { return step < losses_.size() ? losses_[step] : last; };
    if (options_.loss == "final") return after(end) - after(begin);
    double sum = 0;
    for (std::size_t step = begin; step < end; ++step) sum += after(step + 1);
    return sum / options_.truncation;
  }

 private:
  Steppers steppers_;
  const PesOptions& options_;
  std::vector<double> losses_;  // before each step
};

class Pes final : public Learner {
 public:
  explicit Pes(const TrainingContext& context)
      : context_(context),
        options_(own_options<PesOptions>(context)),
        rows_(context, options_.slice),
        slice_(rows_.without_normaliser(slice())) {
    if (slice_.size() == 0) {
      throw_bad_option("learners", "\"" + context.name + "\"",
                       "of learners that fit policy.rule: it has no parameters that " + context.name + ".slice = \"" +
                           options_.slice + "\" names");
    }
    for (int k = 0; k < options_.pairs; ++k) pairs_.push_back({.estimator = new_estimator()});
  }

  Slice slice() const override { return slice_of(context_.rule, options_.slice); }

  /// In one process every pair goes on by a truncation. Ranks carry nothing from one window to the next: there a pair makes
  /// a whole episode, with new perturbations in each of its truncations, from the same parameters.
  std::vector<Rollout> ask(const Window& window, const ObserveExplorers&) override {
    asked_.clear();
    if (rows_.wanted()) return rows_.ask(window);
    std::vector<Rollout> out;
    const auto [first, last] = context_.tasks.share_of(window, options_.pairs);
    for (std::int64_t number = first; number < last; ++number) {
      const Seed seed = context_.seed.derive(context_.name).derive(static_cast<std::uint64_t>(number));
      out.push_back(window.whole_round ? go_on(pairs_[static_cast<std::size_t>(number % options_.pairs)],
                                               number % options_.pairs, window.round, Random(seed))
                                       : whole_episode(number, window.round, seed.derive("rank").derive(window.rank.rank)));
    }
    return out;
  }

  Findings digest(std::vector<Rollout> done) override {
    if (rows_.wanted()) return DecisionRows::digest(std::move(done));
    Findings out;
    for (std::size_t k = 0; k < done.size(); ++k) {
      Candidate& found = out.candidates.emplace_back(Candidate{0, std::vector<double>(slice_.size(), 0.0), {0.0}});
      asked_[k].pair != nullptr ? digest_parts(asked_[k], done[k], found) : digest_episode(asked_[k], done[k], found);
    }
    return out;
  }

  void take(Findings& own, std::span<Findings>) override {
    rows_.take(own);
    std::ranges::move(own.candidates, std::back_inserter(slopes_));
  }

  void learn(std::int64_t, RoundReport& report) override {
    rows_.learn();
    std::vector<float> gradient(slice_.size(), 0.0F);
    double loss = 0;
    const auto count = static_cast<double>(slopes_.size());
    for (const Candidate& one : slopes_) {
      loss += one.score[0] / count;
      for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] += static_cast<float>(one.direction[i] / count);
    }
    report.metrics.push_back({context_.name + "_loss", loss});
    if (slopes_.empty()) return;
    slopes_.clear();
    adam_on_slice(adam_, slice_, gradient, options_.learning_rate, options_.average, context_.parameters);
  }

  void save(ArchiveWriter& archive) const override { archive(adam_, slopes_, rows_, pairs_); }
  void restore(ArchiveReader& archive) override {
    // The instances of the episodes are made anew.
    std::vector<Pair> pairs(pairs_.size(), {.estimator = new_estimator()});
    archive(adam_, slopes_, rows_);
    if (archive.count(1) != pairs.size()) archive.fail("another number of pairs");
    for (std::size_t k = 0; k < pairs.size(); ++k) {
      archive(pairs[k]);
      const bool none = pairs[k].states.empty();
      const bool fits = pairs[k].episode >= -1 && pairs[k].episode < kMostEpisodes &&
                        (none || (pairs[k].episode >= 0 && pairs[k].states.size() == 2 && pairs[k].end > 0));
      if (!fits) archive.fail("a pair is of another training");
      if (none) continue;
      const Start start = new_start(static_cast<std::int64_t>(k), pairs[k].episode, 0);
      pairs[k].instance = start.instance;
      const auto stepper = context_.rule.with(context_.parameters.acting);
      for (const Bytes& state : pairs[k].states) resumed(pairs[k], state, stepper);
    }
    for (const Candidate& slope : slopes_) {
      if (slope.direction.size() != slice_.size() || slope.score.size() != 1) archive.fail("a slope is of another training");
    }
    pairs_ = std::move(pairs);
  }

 private:
  /// Two particles that make the same episodes, with the parameters moved either way.
  struct Pair {
    std::int64_t episode = -1;    // the number of the latest
    int end = 0;                  // steps after which it ends
    std::vector<Bytes> states{};  // of both particles in it; empty: the next truncation begins another
    PersistentEs estimator;
    std::shared_ptr<const Instance> instance{};  // of the episode

    void visit(auto& archive) { archive(episode, end, states, estimator); }
  };
  /// What an episode begins with.
  struct Start {
    std::shared_ptr<const Instance> instance;
    std::vector<double> theta;
    EpisodePlan plan;
  };
  /// Some steps of a pair's episode, both particles'.
  struct Part {
    int steps;
    std::vector<std::shared_ptr<Particle>> particles{};
  };
  struct Asked {
    Pair* pair;              // null: whole episodes
    PersistentEs estimator;  // then, as it is before the first truncation,
    Random random;           // and what its perturbations are drawn by
    std::vector<Part> parts{};
  };

  PersistentEs new_estimator() const { return {slice_.size(), options_.deviation, options_.persistent}; }

  Start new_start(std::int64_t pair, std::int64_t episode, std::int64_t round) const {
    Random random(context_.seed.derive(context_.name)
                      .derive("episode")
                      .derive(static_cast<std::uint64_t>(pair))
                      .derive(static_cast<std::uint64_t>(episode)));
    Start out;
    out.instance =
        context_.tasks.sample(static_cast<std::size_t>(pair + episode * options_.pairs) % context_.tasks.problems(), random);
    out.plan = context_.tasks.plan(round, random);
    out.theta = sample_start(*out.instance, random);
    return out;
  }

  std::shared_ptr<const Stepper> moved(const std::vector<double>& perturbation, double sign) const {
    std::vector<float> parameters = context_.parameters.acting;
    const std::span<float> own = slice_.of(parameters);
    for (std::size_t i = 0; i < own.size(); ++i) own[i] += static_cast<float>(sign * perturbation[i]);
    return context_.rule.with(parameters);
  }

  std::shared_ptr<Episode> resumed(const Pair& pair, const Bytes& state,
                                   const std::shared_ptr<const Stepper>& stepper) const {
    auto out = std::make_shared<Episode>(pair.instance, stepper, context_.episode, EpisodePlan{});
    ArchiveReader archive(state, "episode");
    out->restore(archive);
    archive.finish();
    return out;
  }

  /// Rules that ask for points as they like make more steps than the horizon has, and are over by their calls.
  static int most_steps(const Stepper& stepper, const Start& start) {
    const bool asks = stepper.new_run(start.instance->dimension())->asks();
    return asks ? 2 * start.plan.horizon : start.plan.horizon;
  }

  RunRequest request(const Start& start, const std::shared_ptr<const Stepper>& stepper) const {
    RunRequest out{.instance = start.instance, .stepper = stepper, .start = start.theta, .plan = start.plan};
    out.keep = true;
    return out;
  }

  /// A truncation: the rest of the pair's episode, or a part of it; where it ends before then, the next ones follow.
  Rollout go_on(Pair& pair, std::int64_t number, std::int64_t round, Random random) {
    const std::vector<double>& perturbation = pair.estimator.perturb(random);
    const Particle::Steppers steppers{moved(perturbation, 1), moved(perturbation, -1)};
    Rollout out;
    asked_.push_back({&pair, {}, random});
    for (int left = options_.truncation; left > 0;) {
      std::vector<RunRequest> runs(2);
      int done = 0;
      if (!pair.states.empty()) {
        for (std::size_t k : {0U, 1U}) runs[k].unfinished = resumed(pair, pair.states[k], steppers[k]);
        done = std::max(runs[0].unfinished->steps(), runs[1].unfinished->steps());
        pair.states.clear();
      } else {
        const Start start = new_start(number, ++pair.episode, round);
        pair.instance = start.instance;
        pair.end = most_steps(*steppers[0], start);
        // Else all pairs would begin their episodes in the same rounds.
        if (pair.episode == 0 && options_.stagger) {
          pair.end = 1 + static_cast<int>(random.index(static_cast<std::uint64_t>(pair.end)));
        }
        for (std::size_t k : {0U, 1U}) runs[k] = request(start, steppers[k]);
      }
      Part& part = asked_.back().parts.emplace_back(Part{std::clamp(pair.end - done, 1, left)});
      for (RunRequest& run : runs) {
        run.steps = part.steps;
        run.mover = part.particles.emplace_back(std::make_shared<Particle>(Particle::Steppers{}, options_));
        out.runs.push_back(std::move(run));
      }
      left -= part.steps;
    }
    return out;
  }

  void digest_parts(Asked& asked, const Rollout& done, Candidate& found) {
    Pair& pair = *asked.pair;
    for (std::size_t p = 0; p < asked.parts.size(); ++p) {
      if (p > 0) pair.estimator.restart();
      credit(asked.parts[p], done, 2 * p, 0, asked.parts[p].steps, 1, pair.estimator, found);
    }
    const std::size_t last = 2 * asked.parts.size() - 2;
    const std::vector<const Episode*> episodes{done.results[last].episode.get(), done.results[last + 1].episode.get()};
    if (std::ranges::any_of(episodes, [&](const Episode* e) { return e->over() || e->steps() >= pair.end; })) {
      pair.estimator.clear();
      return;
    }
    for (const Episode* episode : episodes) {
      ArchiveWriter archive;
      episode->save(archive);
      pair.states.push_back(archive.take());
    }
  }

  Rollout whole_episode(std::int64_t number, std::int64_t round, const Seed& seed) {
    Random draw(seed.derive("episode"));
    Start start;
    start.instance = context_.tasks.sample(static_cast<std::size_t>(number) % context_.tasks.problems(), draw);
    start.plan = context_.tasks.plan(round, draw);
    start.theta = sample_start(*start.instance, draw);
    const Asked& asked = asked_.emplace_back(Asked{nullptr, new_estimator(), Random(seed)});
    // Drawn again by `digest_episode`, so that they need not be kept.
    PersistentEs estimator = asked.estimator;
    Random random = asked.random;
    std::vector<Particle::Steppers> steppers(2);
    int steps = 1;
    for (int t = 0; t < steps; t += options_.truncation) {
      const std::vector<double>& perturbation = estimator.perturb(random);
      steppers[0].push_back(moved(perturbation, 1));
      steppers[1].push_back(moved(perturbation, -1));
      if (t == 0) steps = most_steps(*steppers[0][0], start);
    }
    Rollout out;
    Part& part = asked_.back().parts.emplace_back(Part{steps});
    for (const Particle::Steppers& own : steppers) {
      out.runs.push_back(request(start, own[0]));
      out.runs.back().mover = part.particles.emplace_back(std::make_shared<Particle>(own, options_));
    }
    return out;
  }

  void digest_episode(Asked& asked, const Rollout& done, Candidate& found) const {
    const Part& part = asked.parts[0];
    const int truncations = (part.steps + options_.truncation - 1) / options_.truncation;
    for (int t = 0; t < part.steps; t += options_.truncation) {
      asked.estimator.perturb(asked.random);
      credit(part, done, 0, t, std::min(t + options_.truncation, part.steps), 1.0 / truncations, asked.estimator, found);
    }
  }

  /// Credits the loss of the steps [begin, end) of two runs, from number `run` on, to what the estimator has summed up.
  static void credit(const Part& part, const Rollout& done, std::size_t run, int begin, int end, double weight,
                     const PersistentEs& estimator, Candidate& found) {
    const auto loss = [&](std::size_t k) {
      const Episode& episode = *done.results[run + k].episode;
      return weight * part.particles[k]->loss(episode, static_cast<std::size_t>(begin), static_cast<std::size_t>(end));
    };
    const double plus = loss(0), minus = loss(1);
    estimator.add(plus - minus, found.direction);
    found.score[0] += 0.5 * (plus + minus);
  }

  TrainingContext context_;
  PesOptions options_;
  DecisionRows rows_;
  Slice slice_;  // that is perturbed
  Adam adam_;
  std::vector<Pair> pairs_;
  std::vector<Asked> asked_;  // what is being made
  std::vector<Candidate> slopes_;
};

}  // namespace

extern const LearnerEntry pes{"pes",
                              "persistent evolution strategies with Adam (Vicol et al. 2021): truncated episodes, unbiased",
                              {"pes."},
                              false,
                              make_learner<Pes>,
                              described<PesOptions>};

}  // namespace scout::learner
