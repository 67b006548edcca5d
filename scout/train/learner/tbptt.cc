// The learner "tbptt": truncated backpropagation through time, through the unrolled optimizer (Andrychowicz et al. 2016,
// "Learning to learn by gradient descent by gradient descent").
//
// A round is an unroll: each of `rollout.episodes` runs takes `length` steps more, and Adam descends the mean over runs of
// Σ f over the unroll's points, both ends included. The next round goes on from where the runs stand, with what the network
// remembers, and nothing is propagated back into the unroll before. When the horizon is reached, new problems are drawn.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "scout/nn/update.h"
#include "scout/train/learner/learner.h"
#include "scout/train/learner/unroll.h"

namespace scout::learner {
namespace {

struct TbpttOptions {
  int length = 20;
  double learning_rate = 1e-3;

  void describe(auto&& visit) {
    visit("length", length, "steps of an unroll, which are propagated back through", at_least(1));
    visit("learning_rate", learning_rate, "Adam's step", positive());
  }
};

const LstmRule& rule_of(const TrainingContext& context) {
  if (const auto* rule = dynamic_cast<const LstmRule*>(&context.rule)) return *rule;
  throw_bad_option("learners", "\"" + context.name + "\"",
                   "of learners that fit policy.rule: it has no recurrent network whose steps could be propagated back "
                   "through, as the rule \"lstm\" has");
}

class Tbptt final : public Learner {
 public:
  explicit Tbptt(const TrainingContext& context)
      : context_(context), options_(own_options<TbpttOptions>(context)), rule_(rule_of(context)) {}

  Slice slice() const override { return {0, rule_.parameter_count()}; }

  std::vector<Rollout> ask(const Window& window, const ObserveExplorers&) override {
    const auto acting = rule_.with(context_.parameters.acting);
    std::vector<Rollout> out;
    unrolls_before_.clear();
    whole_round_ = window.whole_round;
    if (whole_round_) {
      if (left_ == 0) begin_epoch(window.round);
      --left_;
      for (std::size_t k = 0; k < runs_.size(); ++k) {
        out.push_back(rollout(runs_[k].episode == nullptr ? request(k) : RunRequest{}, acting, options_.length));
        if (runs_[k].episode == nullptr) continue;
        runs_[k].episode->act_with(acting);
        out.back().runs[0].unfinished = runs_[k].episode;
      }
      return out;
    }
    // What a rank is asked for does not depend on what it did before: a run is made anew up to its unroll.
    for (std::int64_t unit = window.first; unit < window.last; ++unit) {
      Random random(context_.seed.derive("rank " + context_.name).derive(number(unit)).derive(window.rank.rank));
      const EpisodePlan plan = context_.tasks.plan(window.round, random);
      const auto before = static_cast<int>(random.index(number(unrolls(plan.horizon))));
      unrolls_before_.push_back(before);
      out.push_back(rollout(draw(number(unit + window.rank.rank), plan, random), acting, (before + 1) * options_.length));
    }
    return out;
  }

  Findings digest(std::vector<Rollout> done) override {
    const std::size_t size = rule_.parameter_count();
    std::vector<std::vector<float>> gradients(done.size());
    std::vector<RunPoints> points(done.size());
    context_.team.for_jobs(static_cast<int>(done.size()), [&](int job) {
      const auto k = static_cast<std::size_t>(job);
      auto& recorder = static_cast<PointRecorder&>(*done[k].runs[0].mover);
      points[k] = recorder.finish(*done[k].results[0].episode);
      gradients[k].assign(size, 0.0F);
      const std::size_t rows = static_cast<std::size_t>(done[k].results[0].episode->instance().dimension());
      std::vector<float> fresh(whole_round_ ? 0 : rows * rule_.network().state_size(), 0.0F);
      if (whole_round_) runs_[k].episode = std::move(done[k].results[0].episode);
      backpropagate(rule_, context_.parameters.acting.data(), points[k], first_point(k),
                    whole_round_ ? runs_[k].state : fresh, gradients[k]);
    });
    Candidate sum{0, std::vector<double>(size, 0.0), {0, 0, 0}};
    for (std::size_t k = 0; k < done.size(); ++k) {
      const std::vector<double>& values = points[k].values;
      if (values.size() < first_point(k) + 2) continue;  // it was over, or its horizon came before the unroll
      for (std::size_t i = 0; i < size; ++i) sum.direction[i] += static_cast<double>(gradients[k][i]);
      for (std::size_t t = first_point(k); t < values.size(); ++t) sum.score[0] += values[t];
      sum.score[1] += values.back();
      sum.score[2] += 1;
    }
    Findings out;
    out.candidates.push_back(std::move(sum));
    return out;
  }

  void take(Findings& own, std::span<Findings>) override { std::ranges::move(own.candidates, std::back_inserter(sums_)); }

  void learn(std::int64_t, RoundReport& report) override {
    double loss = 0, last = 0, runs = 0;
    std::vector<double> sum(rule_.parameter_count());
    for (const Candidate& one : sums_) {
      loss += one.score[0], last += one.score[1], runs += one.score[2];
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += one.direction[i];
    }
    sums_.clear();
    runs = std::max(runs, 1.0);
    std::vector<float> gradient(sum.size());
    std::ranges::transform(sum, gradient.begin(), [&](double g) { return static_cast<float>(g / runs); });
    const bool finite = std::ranges::all_of(gradient, [](float g) { return std::isfinite(g); });
    const auto metric = [&](const char* name, double value) {
      report.metrics.push_back({context_.name + name, std::isfinite(value) ? value : std::numeric_limits<double>::max()});
    };
    metric("_loss", loss / runs);
    metric("_final", last / runs);
    metric("_skipped", finite ? 0 : 1);
    if (!finite) return;
    adam_.update(context_.parameters.acting, gradient, options_.learning_rate);
    context_.parameters.kept = context_.parameters.acting;
  }

  void save(ArchiveWriter& archive) const override {
    archive(adam_, sums_, epochs_, left_, epoch_round_, runs_.size());
    for (const Run& run : runs_) {
      archive(run.state, run.episode != nullptr);
      if (run.episode != nullptr) run.episode->save(archive);
    }
  }
  void restore(ArchiveReader& archive) override {
    std::size_t count = 0;
    archive(adam_, sums_, epochs_, left_, epoch_round_, count);
    const bool counts = epochs_ >= 0 && left_ >= 0 && epoch_round_ >= 0;
    if (!counts || (count != 0 && count != runs_in_a_round())) archive.fail("the runs are of another training");
    for (const Candidate& one : sums_) {
      if (one.direction.size() != rule_.parameter_count() || one.score.size() != 3)
        archive.fail("a sum is of another training");
    }
    runs_.assign(count, {});
    const auto acting = rule_.with(context_.parameters.acting);
    for (std::size_t k = 0; k < count; ++k) {
      bool begun = false;
      archive(runs_[k].state, begun);
      const RunRequest own = request(k);
      if (runs_[k].state.size() != state_size(*own.instance)) archive.fail("a run's state is of another rule");
      if (!begun) continue;
      runs_[k].episode = std::make_shared<Episode>(own.instance, acting, context_.episode, own.plan);
      runs_[k].episode->restore(archive);
    }
  }

 private:
  /// A run that goes on from round to round.
  struct Run {
    std::shared_ptr<Episode> episode{};  // null: not begun
    std::vector<float> state{};          // what the network remembers, [M, state of a row]
  };

  static std::uint64_t number(std::int64_t k) { return static_cast<std::uint64_t>(k); }
  std::size_t runs_in_a_round() const { return static_cast<std::size_t>(context_.options.rollout.episodes); }
  std::size_t state_size(const Instance& instance) const {
    return static_cast<std::size_t>(instance.dimension()) * rule_.network().state_size();
  }
  /// Of a run; the last may be shorter.
  int unrolls(int horizon) const { return (horizon + options_.length - 1) / options_.length; }
  std::size_t first_point(std::size_t k) const {
    return whole_round_ ? 0 : static_cast<std::size_t>(unrolls_before_[k] * options_.length);
  }

  Seed epoch_seed() const { return context_.seed.derive(context_.name).derive(number(epochs_)); }
  EpisodePlan epoch_plan() const {
    Random random(epoch_seed().derive("plan"));
    return context_.tasks.plan(epoch_round_, random);
  }

  void begin_epoch(std::int64_t round) {
    ++epochs_;
    epoch_round_ = round;
    left_ = unrolls(epoch_plan().horizon);
    runs_.assign(runs_in_a_round(), {});
    for (std::size_t k = 0; k < runs_.size(); ++k) runs_[k].state.assign(state_size(*request(k).instance), 0.0F);
  }

  /// Run number k of the epoch.
  RunRequest request(std::size_t k) const {
    Random random(epoch_seed().derive("run").derive(k));
    return draw(k, epoch_plan(), random);
  }

  RunRequest draw(std::uint64_t k, const EpisodePlan& plan, Random& random) const {
    RunRequest out;
    out.instance = context_.tasks.sample(k % context_.tasks.problems(), random);
    out.start = sample_start(*out.instance, random);
    out.plan = plan;
    return out;
  }

  static Rollout rollout(RunRequest run, const std::shared_ptr<const Stepper>& acting, int steps) {
    run.stepper = acting;
    run.mover = std::make_shared<PointRecorder>();
    run.steps = steps;
    run.keep = true;
    Rollout out;
    out.runs.push_back(std::move(run));
    return out;
  }

  TrainingContext context_;
  TbpttOptions options_;
  const LstmRule& rule_;
  Adam adam_;
  std::vector<Candidate> sums_;   // of meta-gradients over runs; scores: of the meta-losses, of the last f, and the runs
  std::int64_t epochs_ = 0;       // begun
  std::int64_t left_ = 0;         // unrolls of this epoch
  std::int64_t epoch_round_ = 0;  // in which it began
  std::vector<Run> runs_;
  bool whole_round_ = true;          // of the rollouts that are being made
  std::vector<int> unrolls_before_;  // on several ranks: of each of these
};

}  // namespace

extern const LearnerEntry tbptt{
    "tbptt",
    "truncated backpropagation through the unrolled optimizer, with Adam (Andrychowicz et al. 2016)",
    {"tbptt."},
    false,
    make_learner<Tbptt>,
    described<TbpttOptions>};

}  // namespace scout::learner
