// The learner "evolution": a separable CMA-ES (Ros & Hansen 2008) shapes a few parameters that act on whole runs.
#include <algorithm>
#include <iterator>

#include "scout/train/evolution/cma_es.h"
#include "scout/train/learner/learner.h"

namespace scout::learner {
namespace {

/// Candidates whose nets are trained as one batch, at most.
constexpr std::size_t kTogether = 8;

/// The positions of the parameters of some outputs of the context head; of all, if none are named.
std::vector<std::size_t> evolved_parameters(const Linear& head, const std::vector<int>& outputs) {
  std::vector<bool> wanted(static_cast<std::size_t>(head.out), outputs.empty());
  const Condition condition = between(0, head.out - 1);
  for (const int output : outputs) {
    if (!condition.holds(output)) throw_bad_option("evolution.outputs", std::to_string(output), condition.text());
    wanted[static_cast<std::size_t>(output)] = true;
  }
  const auto in = static_cast<std::size_t>(head.in);
  const std::size_t weights = wanted.size() * in;
  std::vector<std::size_t> out;
  for (std::size_t k = 0; k < head.size(); ++k) {
    if (wanted[k < weights ? k / in : k - weights]) out.push_back(head.offset + k);
  }
  return out;
}

class Evolution final : public Learner {
 public:
  explicit Evolution(const TrainingContext& context)
      : context_(context),
        options_(context.options.evolution),
        evolved_(evolved_parameters(checked_head(), options_.outputs)) {
    std::vector<double> mean;
    for (const std::size_t i : evolved_) mean.push_back(context.parameters.acting[i]);
    search_ = SeparableCmaEs(std::move(mean), options_.deviation, population(), options_.mean_rate);
  }

  Slice slice() const override { return slice_of(context_.rule, "head"); }

  std::vector<Rollout> ask(const Window& window, const ObserveExplorers&) override {
    std::vector<SeparableCmaEs::Sample> candidates;
    std::int64_t number = 0;  // of the first
    if (window.whole_round) {
      Random random(context_.seed.derive("evolution").derive(static_cast<std::uint64_t>(generation_)));
      candidates = search_.ask(random);
    } else {
      number = context_.tasks.share_of(window, options_.population).first;
      for (std::int64_t unit = window.first; unit < window.last; ++unit) {
        const auto [first, last] = context_.tasks.share_of({.first = unit, .last = unit + 1}, options_.population);
        Random random(
            context_.seed.derive("rank evolution").derive(static_cast<std::uint64_t>(unit)).derive(window.rank.rank));
        const auto& drawn = search_.ask(random);
        candidates.insert(candidates.end(), drawn.begin(), drawn.begin() + (last - first));
      }
    }
    asked_.clear();
    if (candidates.empty()) return {};
    std::vector<std::shared_ptr<const Stepper>> steppers;
    for (SeparableCmaEs::Sample& candidate : candidates) {
      steppers.push_back(context_.rule.with(with_head(candidate.point)));
      asked_.push_back(std::move(candidate.direction));
    }
    return rollouts(steppers, window.round, static_cast<std::size_t>(number));
  }

  Findings digest(std::vector<Rollout> done) override {
    Findings out;
    const std::size_t problems = context_.tasks.problems();
    for (std::vector<double>& direction : asked_) {
      out.candidates.push_back({generation_, std::move(direction), std::vector<double>(problems, 0.0)});
    }
    std::vector<Trajectory> recorded(out.candidates.size());
    for (std::size_t r = 0; r < done.size(); ++r) {
      for (std::size_t i = 0; i < done[r].results.size(); ++i) {
        RunResult& result = done[r].results[i];
        // As `rollouts` laid them out.
        const std::size_t c = together() ? r / runs() * kTogether + i : r;
        const std::size_t k = together() ? r % runs() : i;
        out.candidates[c].score[k % problems] += log_share(result.share, options_.floor);
        if (result.trajectory.steps() > 0) recorded[c] = std::move(result.trajectory);
      }
    }
    std::erase_if(recorded, [](const Trajectory& trajectory) { return trajectory.steps() == 0; });
    out.policy = std::move(recorded);
    return out;
  }

  void take(Findings& own, std::span<Findings>) override {
    std::ranges::move(own.candidates, std::back_inserter(candidates_));
  }

  void learn(std::int64_t, RoundReport&) override {
    // Scores can be compared on the same instances only. How old a candidate is does not matter: its direction counts.
    std::erase_if(candidates_,
                  [&](const Candidate& c) { return c.generation / options_.renew != generation_ / options_.renew; });
    const auto count = static_cast<std::size_t>(population());
    if (candidates_.size() < count) return;
    std::vector<std::span<const double>> scores;
    std::vector<std::vector<double>> directions;
    for (std::size_t c = 0; c < count; ++c) scores.emplace_back(candidates_[c].score);
    const std::vector<std::size_t> order = selection_order(scores, options_.order);
    for (std::size_t c = 0; c < count; ++c) directions.push_back(std::move(candidates_[c].direction));
    search_.replace(std::move(directions));
    search_.tell(order);
    candidates_.erase(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(count));
    ++generation_;
    context_.parameters.acting = with_head(search_.mean());
    const double share = std::max(options_.average, 1.0 / static_cast<double>(generation_));
    for (const std::size_t i : evolved_) context_.parameters.average(i, share);
  }

  void save(ArchiveWriter& archive) const override { archive(generation_, search_, candidates_); }
  void restore(ArchiveReader& archive) override {
    archive(generation_, search_, candidates_);
    if (generation_ < 0) archive.fail("a generation below 0");
    for (const Candidate& one : candidates_) {
      const bool fits = one.direction.size() == evolved_.size() && one.score.size() == context_.tasks.problems();
      if (!fits) archive.fail("a candidate is of another training");
    }
  }
  void share(ArchiveWriter& archive) const override { archive(generation_, search_); }
  void adopt(ArchiveReader& archive) override { archive(generation_, search_); }

 private:
  Linear checked_head() const {
    const Linear head = context_.rule.context_head();
    if (head.out > 0) return head;
    throw_bad_option("learners", "\"evolution\"", "of learners that fit policy.rule: it has no context head to evolve");
  }

  /// Several nets on the same minibatches are evaluated as one batch; functions have an instance of their own each.
  bool together() const { return context_.episode.weights; }

  /// That each candidate makes.
  std::size_t runs() const { return context_.tasks.problems() * static_cast<std::size_t>(options_.instances); }

  /// With many ranks a generation is larger, so that what is under way on all of them is about one generation.
  int population() const {
    const int episodes = context_.options.rollout.episodes;
    return options_.population * std::max(1, (context_.rank.ranks + episodes - 1) / episodes);
  }

  std::vector<float> with_head(std::span<const double> point) const {
    std::vector<float> parameters = context_.parameters.acting;
    for (std::size_t k = 0; k < evolved_.size(); ++k) parameters[evolved_[k]] = static_cast<float>(point[k]);
    return parameters;
  }

  /// All candidates make the same runs; those change every few generations. Of each candidate one run is recorded.
  std::vector<Rollout> rollouts(std::span<const std::shared_ptr<const Stepper>> steppers, std::int64_t round,
                                std::size_t number) const {
    const Seed seed =
        context_.seed.derive("evolution tasks").derive(static_cast<std::uint64_t>(generation_ / options_.renew));
    std::vector<RunRequest> plan(runs());
    std::vector<Recording> recordings(runs());
    context_.team.for_jobs(static_cast<int>(runs()), [&](int job) {
      const auto k = static_cast<std::size_t>(job);
      Random draw(seed.derive(job));
      plan[k].instance = context_.tasks.sample(k % context_.tasks.problems(), draw);
      plan[k].plan = context_.tasks.plan(round, draw);
      plan[k].start = sample_start(*plan[k].instance, draw);
      plan[k].judge = true;
      if (context_.trajectories_wanted) recordings[k] = context_.tasks.recording(*plan[k].instance, draw);
    });
    const auto request = [&](std::size_t c, std::size_t k) {
      RunRequest out = plan[k];
      out.stepper = steppers[c];
      if (k == (number + c) % runs()) out.recording = recordings[k];
      return out;
    };
    std::vector<Rollout> out;
    const std::size_t group = together() ? kTogether : 1;
    for (std::size_t first = 0; first < steppers.size(); first += group) {
      for (std::size_t k = 0; k < runs(); ++k) {
        if (together() || k == 0) out.emplace_back();
        for (std::size_t c = first; c < std::min(first + group, steppers.size()); ++c) {
          out.back().runs.push_back(request(c, k));
        }
      }
    }
    return out;
  }

  TrainingContext context_;
  EvolutionOptions options_;
  std::vector<std::size_t> evolved_;
  SeparableCmaEs search_;
  std::int64_t generation_ = 0;
  std::vector<std::vector<double>> asked_;  // directions of the candidates that are being tried
  std::vector<Candidate> candidates_;
};

}  // namespace

extern const LearnerEntry evolution{"evolution",
                                    "a separable CMA-ES on the context head, by the final gaps of whole runs",
                                    {"evolution."},
                                    false,
                                    make_learner<Evolution>};

}  // namespace scout::learner
