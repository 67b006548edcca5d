// The learner "es": an antithetic evolution strategy (Salimans et al. 2017, "Evolution strategies as a scalable alternative
// to reinforcement learning"), on whole episodes.
#include <algorithm>
#include <iterator>

#include "scout/train/learner/adam_on_slice.h"
#include "scout/train/learner/decision_rows.h"

namespace scout::learner {
namespace {

struct EsOptions {
  int pairs = 8;
  double deviation = 0.03;
  double learning_rate = 3e-3;
  double floor = 1e-5;
  double average = 0.9;
  std::string slice = "all";

  void describe(auto&& visit) {
    visit("pairs", pairs, "antithetic pairs in a round", at_least(1));
    visit("deviation", deviation, "standard deviation of the perturbations", positive());
    visit("learning_rate", learning_rate, "Adam's step", positive());
    visit("floor", floor, "gaps below this share of the start's gap are not told apart", positive());
    visit("average", average, "decay of the running average that is judged and kept", between(0, 1));
    visit("slice", slice,
          "the parameters that it learns: all of the actor's, its context head, its rest, or the decision head",
          OneOf{{"all", "head", "body", "decisions"}});
  }
};

class Es final : public Learner {
 public:
  explicit Es(const TrainingContext& context)
      : context_(context),
        options_(own_options<EsOptions>(context)),
        rows_(context, options_.slice),
        slice_(rows_.without_normaliser(slice())) {
    if (slice_.size() > 0) return;
    throw_bad_option("learners", "\"" + context.name + "\"",
                     "of learners that fit policy.rule: it has no parameters that " + context.name + ".slice = \"" +
                         options_.slice + "\" names");
  }

  Slice slice() const override { return slice_of(context_.rule, options_.slice); }

  /// Each unit of a round is a share of the pairs. A pair makes the same run twice, with the parameters moved either way.
  std::vector<Rollout> ask(const Window& window, const ObserveExplorers&) override {
    const auto [first, last] = context_.tasks.share_of(window, options_.pairs);
    std::vector<Rollout> out;
    asked_.clear();
    if (rows_.wanted()) return rows_.ask(window);
    for (std::int64_t pair = first; pair < last; ++pair) {
      Random random(context_.seed.derive(context_.name).derive(window.rank.rank).derive(static_cast<std::uint64_t>(pair)));
      std::vector<double> direction(slice_.size());
      for (double& x : direction) x = random.normal();
      RunRequest run;
      run.instance = context_.tasks.sample(static_cast<std::size_t>(pair) % context_.tasks.problems(), random);
      run.plan = context_.tasks.plan(window.round, random);
      run.start = sample_start(*run.instance, random);
      run.judge = true;
      out.emplace_back();
      for (const double sign : {1.0, -1.0}) {
        run.stepper = context_.rule.with(moved(direction, sign * options_.deviation));
        out.back().runs.push_back(run);
      }
      asked_.push_back(std::move(direction));
    }
    return out;
  }

  Findings digest(std::vector<Rollout> done) override {
    if (rows_.wanted()) return DecisionRows::digest(std::move(done));
    Findings out;
    for (std::size_t k = 0; k < done.size(); ++k) {
      std::vector<double> scores;
      for (const RunResult& result : done[k].results) scores.push_back(log_share(result.share, options_.floor));
      out.candidates.push_back({0, std::move(asked_[k]), std::move(scores)});
    }
    return out;
  }

  void take(Findings& own, std::span<Findings>) override {
    rows_.take(own);
    std::ranges::move(own.candidates, std::back_inserter(pairs_));
  }

  void learn(std::int64_t, RoundReport& report) override {
    rows_.learn();
    std::vector<float> gradient(slice_.size(), 0.0F);
    double score = 0;
    for (const Candidate& pair : pairs_) {
      const double slope = (pair.score[0] - pair.score[1]) / (2 * options_.deviation * static_cast<double>(pairs_.size()));
      score += (pair.score[0] + pair.score[1]) / (2 * static_cast<double>(pairs_.size()));
      for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] += static_cast<float>(slope * pair.direction[i]);
    }
    report.metrics.push_back({context_.name + "_score", score});
    if (pairs_.empty()) return;
    pairs_.clear();
    adam_on_slice(adam_, slice_, gradient, options_.learning_rate, options_.average, context_.parameters);
  }

  void save(ArchiveWriter& archive) const override { archive(adam_, pairs_, rows_); }
  void restore(ArchiveReader& archive) override {
    archive(adam_, pairs_, rows_);
    for (const Candidate& pair : pairs_) {
      if (pair.direction.size() != slice_.size() || pair.score.size() != 2) archive.fail("a pair is of another training");
    }
  }

 private:
  std::vector<float> moved(const std::vector<double>& direction, double distance) const {
    std::vector<float> parameters = context_.parameters.acting;
    const std::span<float> own = slice_.of(parameters);
    for (std::size_t i = 0; i < own.size(); ++i) own[i] += static_cast<float>(distance * direction[i]);
    return parameters;
  }

  TrainingContext context_;
  EsOptions options_;
  DecisionRows rows_;
  Slice slice_;  // that is perturbed
  Adam adam_;
  std::vector<std::vector<double>> asked_;  // directions of the pairs that are being tried
  std::vector<Candidate> pairs_;
};

}  // namespace

extern const LearnerEntry es{"es",
                             "an antithetic evolution strategy with Adam (Salimans et al. 2017)",
                             {"es."},
                             false,
                             make_learner<Es>,
                             described<EsOptions>};

}  // namespace scout::learner
