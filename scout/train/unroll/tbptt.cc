// The learner "tbptt": truncated backpropagation through time, through the unrolled optimizer (Andrychowicz et al. 2016,
// "Learning to learn by gradient descent by gradient descent"; Wichrowska et al. 2017, "Learned optimizers that scale and
// generalize").
//
// A round is an unroll: each of `rollout.episodes` runs takes some steps more, and Adam or RMSProp descends the mean over
// runs of a meta-loss of the f at the unroll's points, both ends included. The next round goes on from where the runs stand,
// with what the network remembers, and nothing is propagated back into the unroll before. When the horizon is reached, new
// problems are drawn.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "scout/nn/update.h"
#include "scout/train/learner/learner.h"
#include "scout/train/unroll/unroll.h"

namespace scout::learner {
namespace {

struct TbpttOptions {
  int length = 20;
  double longer = 0;
  double unrolls = 0;
  std::string loss = "sum";
  bool second_derivatives = false;
  std::string optimizer = "adam";
  double learning_rate = 1e-3;
  double clip = 0;

  void describe(auto&& visit) {
    visit("length", length, "steps of an unroll, which are propagated back through", at_least(1));
    visit("longer", longer, "mean of further steps of an unroll, exponentially distributed; 0: none", at_least(0));
    visit("unrolls", unrolls,
          "mean of a run's unrolls beyond the first, exponentially distributed; 0: as many as reach the horizon",
          at_least(0));
    visit("loss", loss, "meta-loss: the sum of f, or the mean of log(f/f of the start), where f is at least 0",
          OneOf{{"sum", "log"}});
    visit("second_derivatives", second_derivatives,
          "propagate back through the optimizee's gradients, too: two evaluations a step; rule hierarchical_rnn");
    visit("optimizer", optimizer, "what descends the meta-loss", OneOf{{"adam", "rmsprop"}});
    visit("learning_rate", learning_rate, "its step", positive());
    visit("clip", clip, "greatest size of a component of the meta-gradient; 0: any", at_least(0));
  }
};

std::unique_ptr<UnrolledRule> unrolled_rule(const TrainingContext& context) {
  if (auto rule = unrolled(context.rule)) return rule;
  throw_bad_option("learners", "\"" + context.name + "\"",
                   "of learners that fit policy.rule: it has no recurrent network whose steps could be propagated back "
                   "through, as the rules \"lstm\" and \"hierarchical_rnn\" have");
}

/// RMSProp (Tieleman & Hinton 2012), as TensorFlow has it, without momentum.
struct RmsProp {
  static constexpr double kDecay = 0.9, kEpsilon = 1e-20;
  std::vector<double> square;

  void update(std::vector<float>& parameters, const std::vector<float>& gradient, double learning_rate) {
    square.resize(parameters.size(), 1.0);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const auto g = static_cast<double>(gradient[i]);
      square[i] += (1 - kDecay) * (g * g - square[i]);
      parameters[i] -= static_cast<float>(learning_rate * g / std::sqrt(square[i] + kEpsilon));
    }
  }
};

/// Exponentially distributed, rounded down.
int exponential(double mean, Random& random) {
  return mean > 0 ? static_cast<int>(std::min(-mean * std::log1p(-random.uniform()), 1e6)) : 0;
}

class Tbptt final : public Learner {
 public:
  explicit Tbptt(const TrainingContext& context)
      : context_(context), options_(own_options<TbpttOptions>(context)), unrolled_(unrolled_rule(context)) {
    if (!options_.second_derivatives) return;
    const std::string option = context.name + ".second_derivatives";
    if (!unrolled_->takes_curvature())
      throw_bad_option(option, "true", "false with this policy.rule, whose inputs are not propagated back through");
    for (const std::string& problem : context.options.problems) {
      if (problem.find("-noisy") != std::string::npos)
        throw_bad_option(option, "true", "false with problem '" + problem + "', whose noise has no derivatives");
    }
  }

  Slice slice() const override { return {0, context_.rule.parameter_count()}; }

  std::vector<Rollout> ask(const Window& window, const ObserveExplorers&) override {
    const auto acting = context_.rule.with(context_.parameters.acting);
    std::vector<Rollout> out;
    steps_before_.clear();
    whole_round_ = window.whole_round;
    if (whole_round_) {
      if (left_ == 0) begin_epoch(window.round);
      const int length = lengths_[lengths_.size() - static_cast<std::size_t>(left_--)];
      for (std::size_t k = 0; k < runs_.size(); ++k) {
        out.push_back(rollout(runs_[k].episode == nullptr ? request(k) : RunRequest{}, acting, length));
        if (runs_[k].episode == nullptr) continue;
        runs_[k].episode->act_with(acting);
        out.back().runs[0].unfinished = runs_[k].episode;
      }
      return out;
    }
    // What a rank is asked for does not depend on what it did before: a run is made anew up to its unroll.
    for (std::int64_t unit = window.first; unit < window.last; ++unit) {
      Random random(context_.seed.derive("rank " + context_.name).derive(number(unit)).derive(window.rank.rank));
      EpisodePlan plan = context_.tasks.plan(window.round, random);
      const std::vector<int> lengths = draw_lengths(plan, random);
      const auto last = lengths.begin() + static_cast<std::ptrdiff_t>(random.index(lengths.size()));
      const int before = std::accumulate(lengths.begin(), last, 0);
      steps_before_.push_back(before);
      out.push_back(rollout(draw(number(unit + window.rank.rank), plan, random), acting, before + *last));
    }
    return out;
  }

  Findings digest(std::vector<Rollout> done) override {
    const std::size_t size = context_.rule.parameter_count();
    std::vector<std::vector<float>> gradients(done.size());
    std::vector<RunPoints> points(done.size());
    std::vector<double> losses(done.size());
    std::vector<std::int64_t> evaluations(done.size());
    context_.team.for_jobs(static_cast<int>(done.size()), [&](int job) {
      const auto k = static_cast<std::size_t>(job);
      auto& recorder = static_cast<PointRecorder&>(*done[k].runs[0].mover);
      const std::shared_ptr<Episode> episode = std::move(done[k].results[0].episode);
      const Instance& instance = episode->instance();
      points[k] = recorder.finish(*episode);
      gradients[k].assign(size, 0.0F);
      const std::vector<TensorShape> tensors = instance.tensors();
      std::vector<float> fresh(whole_round_ ? 0 : unrolled_->memory_size(tensors), 0.0F);
      if (whole_round_) runs_[k].episode = episode;
      if (points[k].values.size() < first_point(k) + 2) return;
      losses[k] = options_.loss == "log" ? log_loss(points[k], first_point(k), episode->start_value())
                                         : sum_loss(points[k], first_point(k));
      const Curvature curvature =
          options_.second_derivatives ? difference_curvature(instance, points[k], evaluations[k]) : Curvature();
      unrolled_->backpropagate(context_.parameters.acting.data(), points[k], first_point(k), tensors, curvature,
                               whole_round_ ? runs_[k].state : fresh, gradients[k]);
    });
    Candidate sum{0, std::vector<double>(size, 0.0), {0, 0, 0}};
    for (std::size_t k = 0; k < done.size(); ++k) {
      const std::vector<double>& values = points[k].values;
      if (values.size() < first_point(k) + 2) continue;  // it was over, or its horizon came before the unroll
      for (std::size_t i = 0; i < size; ++i) sum.direction[i] += static_cast<double>(gradients[k][i]);
      sum.score[0] += losses[k];
      sum.score[1] += values.back();
      sum.score[2] += 1;
    }
    Findings out;
    out.evaluations = std::accumulate(evaluations.begin(), evaluations.end(), std::int64_t{0});
    out.candidates.push_back(std::move(sum));
    return out;
  }

  void take(Findings& own, std::span<Findings>) override { std::ranges::move(own.candidates, std::back_inserter(sums_)); }

  void learn(std::int64_t, RoundReport& report) override {
    double loss = 0, last = 0, runs = 0;
    std::vector<double> sum(context_.rule.parameter_count());
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
    if (options_.clip > 0) {
      const auto bound = static_cast<float>(options_.clip);
      for (float& g : gradient) g = std::clamp(g, -bound, bound);
    }
    if (options_.optimizer == "adam") {
      adam_.update(context_.parameters.acting, gradient, options_.learning_rate);
    } else {
      rmsprop_.update(context_.parameters.acting, gradient, options_.learning_rate);
    }
    context_.parameters.kept = context_.parameters.acting;
  }

  void save(ArchiveWriter& archive) const override {
    archive(adam_, rmsprop_.square, sums_, epochs_, left_, epoch_round_, runs_.size());
    for (const Run& run : runs_) {
      archive(run.state, run.episode != nullptr);
      if (run.episode != nullptr) run.episode->save(archive);
    }
  }
  void restore(ArchiveReader& archive) override {
    std::size_t count = 0;
    archive(adam_, rmsprop_.square, sums_, epochs_, left_, epoch_round_, count);
    const bool counts = epochs_ >= 0 && left_ >= 0 && epoch_round_ >= 0;
    if (!counts || (count != 0 && count != runs_in_a_round())) archive.fail("the runs are of another training");
    for (const Candidate& one : sums_) {
      if (one.direction.size() != context_.rule.parameter_count() || one.score.size() != 3)
        archive.fail("a sum is of another training");
    }
    runs_.assign(count, {});
    if (count != 0) plan_epoch();
    if (left_ > static_cast<std::int64_t>(lengths_.size())) archive.fail("a count is out of range");
    const auto acting = context_.rule.with(context_.parameters.acting);
    for (std::size_t k = 0; k < count; ++k) {
      bool begun = false;
      archive(runs_[k].state, begun);
      const RunRequest own = request(k);
      if (runs_[k].state.size() != unrolled_->memory_size(own.instance->tensors()))
        archive.fail("a run's state is of another rule");
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
  /// Of a run's unrolls. They fill its horizon, and the last may be shorter; or they determine it.
  std::vector<int> draw_lengths(EpisodePlan& plan, Random& random) const {
    std::vector<int> out;
    const bool fill = options_.unrolls == 0;
    const int count = fill ? plan.horizon : 1 + exponential(options_.unrolls, random);
    int sum = 0;
    for (int k = 0; k < count && (!fill || sum < plan.horizon); ++k) {
      out.push_back(options_.length + exponential(options_.longer, random));
      sum += out.back();
    }
    if (fill) {
      out.back() -= sum - plan.horizon;
    } else {
      plan.horizon = sum;
    }
    return out;
  }
  std::size_t first_point(std::size_t k) const { return whole_round_ ? 0 : static_cast<std::size_t>(steps_before_[k]); }

  Seed epoch_seed() const { return context_.seed.derive(context_.name).derive(number(epochs_)); }
  void plan_epoch() {
    Random random(epoch_seed().derive("plan"));
    plan_ = context_.tasks.plan(epoch_round_, random);
    lengths_ = draw_lengths(plan_, random);
  }

  void begin_epoch(std::int64_t round) {
    ++epochs_;
    epoch_round_ = round;
    plan_epoch();
    left_ = static_cast<std::int64_t>(lengths_.size());
    runs_.assign(runs_in_a_round(), {});
    for (std::size_t k = 0; k < runs_.size(); ++k)
      runs_[k].state.assign(unrolled_->memory_size(request(k).instance->tensors()), 0.0F);
  }

  /// Run number k of the epoch.
  RunRequest request(std::size_t k) const {
    Random random(epoch_seed().derive("run").derive(k));
    return draw(k, plan_, random);
  }

  RunRequest draw(std::uint64_t k, const EpisodePlan& plan, Random& random) const {
    RunRequest out;
    out.instance = context_.tasks.sample(k % context_.tasks.problems(), random);
    out.start = sample_start(*out.instance, random);
    out.plan = plan;
    return out;
  }

  Rollout rollout(RunRequest run, const std::shared_ptr<const Stepper>& acting, int steps) const {
    run.stepper = acting;
    run.mover = std::make_shared<PointRecorder>(options_.second_derivatives);
    run.steps = steps;
    run.keep = true;
    Rollout out;
    out.runs.push_back(std::move(run));
    return out;
  }

  TrainingContext context_;
  TbpttOptions options_;
  std::unique_ptr<UnrolledRule> unrolled_;
  Adam adam_;
  RmsProp rmsprop_;
  std::vector<Candidate> sums_;   // of meta-gradients over runs; scores: of the meta-losses, of the last f, and the runs
  std::int64_t epochs_ = 0;       // begun
  std::int64_t left_ = 0;         // unrolls of this epoch
  std::int64_t epoch_round_ = 0;  // in which it began
  EpisodePlan plan_;              // of its runs
  std::vector<int> lengths_;      // of their unrolls
  std::vector<Run> runs_;
  bool whole_round_ = true;        // of the rollouts that are being made
  std::vector<int> steps_before_;  // on several ranks: of each of these, before the unroll
};

}  // namespace

extern const LearnerEntry tbptt{"tbptt",
                                "truncated backpropagation through the unrolled optimizer, with Adam or RMSProp "
                                "(Andrychowicz et al. 2016, Wichrowska et "
                                "al. 2017)",
                                {"tbptt."},
                                false,
                                make_learner<Tbptt>,
                                described<TbpttOptions>};

}  // namespace scout::learner
