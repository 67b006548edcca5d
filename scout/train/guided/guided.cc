// The learner "guided": guided policy search, as Li & Malik 2016 ("Learning to optimize") train an optimizer by it. As
// mirror descent (Montgomery & Levine 2016).
//
// There are some conditions: training instances, each with a start, which stay the same. The first round runs gradient
// descent with momentum on each of them, with many settings, and the best becomes the condition's controller. From then on a
// round
//   - samples runs of each condition, by its controller and by the policy, with noise;
//   - fits linear-Gaussian dynamics to them, and to what the policy does a linear-Gaussian controller;
//   - finds the controller of the least expected cost, Σ f, within a bound on its divergence from the latter;
//   - teaches the policy what the controllers do at the sampled states.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "scout/policy/rules.h"
#include "scout/train/guided/guided_run.h"
#include "scout/train/guided/imitation.h"
#include "scout/train/guided/linear_fit.h"
#include "scout/train/learner/learner.h"

namespace scout::learner {
namespace {

struct GuidedOptions {
  int conditions = 20;
  int samples = 20;
  double own = 0.7;
  double noise = 0.02;
  double bound = 1;
  int clusters = 20;
  double strength = 1;
  int updates = 1000;
  int batch = 64;
  double learning_rate = 1e-3;

  void describe(auto&& visit) {
    visit("conditions", conditions, "training instances, each with a start, that controllers are found for", at_least(1));
    visit("samples", samples, "runs of each condition in a round", at_least(2));
    visit("own", own, "share of these that the policy makes; the controllers make the others", between(0, 1));
    visit("noise", noise, "standard deviation of the first controllers' actions", positive());
    visit("bound", bound, "divergence of a controller from the policy, a step, at first", positive());
    visit("clusters", clusters, "Gaussians in the mixture that is the prior of dynamics", at_least(1));
    visit("strength", strength, "samples that the prior is worth", positive());
    visit("updates", updates, "updates of the policy in a round", at_least(1));
    visit("batch", batch, "states in an update", at_least(1));
    visit("learning_rate", learning_rate, "Adam's step", positive());
  }
};

constexpr double kRates[]{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0};
constexpr double kDecays[]{0.0, 0.5, 0.8, 0.9};
constexpr int kSettings = static_cast<int>(std::size(kRates) * std::size(kDecays));
double rate_of(int setting) { return kRates[static_cast<std::size_t>(setting) / std::size(kDecays)]; }
double decay_of(int setting) { return kDecays[static_cast<std::size_t>(setting) % std::size(kDecays)]; }

constexpr double kLeastVariance = 1e-8;  // of an action
// The bound is multiplied by how much of the predicted gain came true (Levine & Abbeel 2014), within limits: what the policy
// cannot learn counts as not come true, and would end the search.
constexpr double kLeastChange = 0.1, kMostChange = 5, kLeastMultiplier = 0.5, kMostMultiplier = 10, kLeastShortfall = 1e-4;

class Guided final : public Learner {
 public:
  explicit Guided(const TrainingContext& context)
      : context_(context),
        options_(own_options<GuidedOptions>(context)),
        steps_(context.options.rollout.horizon),
        m_(context.options.dimensions.front()) {
    const auto& needs = rule_entry(context.options.policy.rule).options;
    if (context.rule.actor() == nullptr || context.rule.for_weights() ||
        std::ranges::find(needs, "dimension") == needs.end()) {
      throw_bad_option("learners", "\"" + context.name + "\"",
                       "of learners that fit policy.rule: it needs one network for all coordinates of a function, as the "
                       "rules \"history\" and \"joint\" have");
    }
    const Eigen::Index n = GuidedRecord::state_size(m_);
    noise_ = options_.noise * options_.noise * MatrixXd::Identity(m_, m_);
    const LinearGaussian still{MatrixXd::Zero(m_, n), VectorXd::Zero(m_), noise_};
    for (int k = 0; k < options_.conditions; ++k) {
      Condition& condition = conditions_.emplace_back();
      Random random(context.seed.derive(context.name).derive("condition").derive(k));
      condition.instance = context.tasks.sample(static_cast<std::size_t>(k) % context.tasks.problems(), random);
      condition.start = sample_start(*condition.instance, random);
      condition.controller = std::make_shared<LinearGaussians>(static_cast<std::size_t>(steps_), still);
    }
  }

  Slice slice() const override { return {0, context_.rule.actor()->parameter_count()}; }

  std::vector<Rollout> ask(const Window& window, const ObserveExplorers&) override {
    const int runs = tuned_ ? options_.samples : kSettings;
    const auto [first, last] = context_.tasks.share_of(window, std::int64_t{options_.conditions} * runs);
    const auto acting = context_.rule.with(context_.parameters.acting);
    std::vector<Rollout> out;
    for (std::int64_t k = first; k < last; ++k) {
      const int number = static_cast<int>(k / runs % options_.conditions);
      const int run = static_cast<int>(k % runs);
      const Condition& condition = conditions_[static_cast<std::size_t>(number)];
      GuidedPlan plan{.record = {.condition = number}};
      if (!tuned_) {
        plan.record.setting = run;
        plan.rate = rate_of(run);
        plan.decay = decay_of(run);
      } else if (taught_ && run < options_.own * options_.samples) {
        plan.noise = noise_;
      } else {
        plan.controller = condition.controller;
      }
      const Seed seed = context_.seed.derive(context_.name).derive("run").derive(window.rank.rank);
      RunRequest request{.instance = condition.instance, .stepper = acting, .start = condition.start};
      request.plan.horizon = steps_;
      request.mover = std::make_shared<GuidedMover>(std::move(plan), Random(seed.derive(static_cast<std::uint64_t>(k))));
      request.keep = true;
      out.emplace_back().runs.push_back(std::move(request));
    }
    return out;
  }

  Findings digest(std::vector<Rollout> done) override {
    Findings out;
    for (const Rollout& rollout : done) {
      auto& mover = static_cast<GuidedMover&>(*rollout.runs[0].mover);
      out.candidates.push_back(mover.finish(*rollout.results[0].episode).packed());
    }
    return out;
  }

  void take(Findings& own, std::span<Findings>) override {
    for (const Candidate& candidate : own.candidates) add(candidate);
  }

  void learn(std::int64_t round, RoundReport& report) override {
    double cost = 0, conditions = 0;
    for (Condition& condition : conditions_) {
      if (condition.records.empty()) continue;
      condition.divergence = 0;
      condition.beyond.clear();
      cost += tuned_ ? mean_cost(condition) : choose_momentum(condition);
      ++conditions;
    }
    double loss = 0;
    if (tuned_ && conditions > 0) {
      Random random(context_.seed.derive(context_.name).derive("learn").derive(static_cast<std::uint64_t>(round)));
      if (taught_) improve_controllers(random);
      loss = teach(random);
    }
    tuned_ |= conditions > 0;
    double divergence = 0, multiplier = 0;
    for (Condition& condition : conditions_) {
      condition.records.clear();
      divergence += condition.divergence / (options_.conditions * steps_);
      multiplier += condition.multiplier / options_.conditions;
    }
    report.metrics.push_back({context_.name + "_cost", cost / (std::max(conditions, 1.0) * steps_)});
    report.metrics.push_back({context_.name + "_divergence", divergence});
    report.metrics.push_back({context_.name + "_multiplier", multiplier});
    report.metrics.push_back({context_.name + "_loss", loss});
  }

  void save(ArchiveWriter& archive) const override {
    share(archive);
    archive(adam_);
    for (const Condition& condition : conditions_) {
      archive(condition.multiplier, condition.predicted, condition.cost);
      std::vector<Candidate> records;
      for (const GuidedRecord& record : condition.records) records.push_back(record.packed());
      archive(records);
    }
  }
  void restore(ArchiveReader& archive) override {
    adopt(archive);
    archive(adam_);
    for (Condition& condition : conditions_) {
      archive(condition.multiplier, condition.predicted, condition.cost);
      std::vector<Candidate> records;
      archive(records);
      condition.records.clear();
      for (const Candidate& record : records) add(record);
    }
  }
  void share(ArchiveWriter& archive) const override {
    archive(tuned_, taught_);
    const auto write = [&](const auto& numbers) { archive(std::vector<double>(numbers.begin(), numbers.end())); };
    write(noise_.reshaped());
    for (const Condition& condition : conditions_) {
      for (const LinearGaussian& step : *condition.controller) {
        write(step.gain.reshaped());
        write(step.covariance.reshaped());
        write(step.offset);
      }
    }
  }
  void adopt(ArchiveReader& archive) override {
    const auto read = [&](auto&& numbers) {
      std::vector<double> read_numbers(static_cast<std::size_t>(numbers.size()));
      archive.fixed(read_numbers);
      if (!std::ranges::all_of(read_numbers, [](double x) { return std::isfinite(x); })) archive.fail("not a number");
      std::ranges::copy(read_numbers, numbers.begin());
    };
    archive(tuned_, taught_);
    read(noise_.reshaped());
    for (Condition& condition : conditions_) {
      auto controller = std::make_shared<LinearGaussians>(*condition.controller);
      for (LinearGaussian& step : *controller) {
        read(step.gain.reshaped());
        read(step.covariance.reshaped());
        read(step.offset);
      }
      condition.controller = std::move(controller);
    }
  }

 private:
  struct Condition {
    std::shared_ptr<const Instance> instance{};
    std::vector<double> start{};
    std::shared_ptr<const LinearGaussians> controller{};
    double multiplier = 1;                // of the bound
    double predicted = 0;                 // what the controller is to gain; 0: nothing was predicted
    double cost = 0;                      // mean of the last samples
    std::vector<GuidedRecord> records{};  // of this round
    LinearGaussians beyond{};             // what the new controller does more than the policy, made linear; empty: nothing
    double divergence = 0;
  };

  void add(const Candidate& candidate) {
    if (candidate.generation < 0 || candidate.generation >= options_.conditions) {
      throw std::runtime_error("damaged findings: there is no condition " + std::to_string(candidate.generation));
    }
    GuidedRecord record = GuidedRecord::unpacked(candidate, steps_, m_, context_.rule.actor()->features());
    if (record.setting < -1 || record.setting >= kSettings) throw std::runtime_error("damaged findings: no such setting");
    // From other ranks there may still come runs of the round before.
    if (tuned_ != (record.setting < 0)) return;
    conditions_[static_cast<std::size_t>(candidate.generation)].records.push_back(std::move(record));
  }

  double mean_cost(const Condition& condition) const {
    double sum = 0;
    for (const GuidedRecord& record : condition.records) sum += record.cost(m_);
    return sum / static_cast<double>(condition.records.size());
  }

  /// Makes a controller of the best run, and returns its cost.
  double choose_momentum(Condition& condition) const {
    const auto best = std::ranges::min_element(condition.records, {}, [&](const GuidedRecord& r) { return r.cost(m_); });
    const Eigen::Map<const VectorXd> gradient(best->x.data() + m_, m_);
    LinearGaussian step = momentum_controller(gradient, rate_of(best->setting), decay_of(best->setting));
    step.covariance = noise_;
    condition.controller = std::make_shared<LinearGaussians>(static_cast<std::size_t>(steps_), step);
    return best->cost(m_);
  }

  /// The numbers of step t, a run a row: `size` of a step.
  static MatrixXd at(const Condition& condition, std::vector<double> GuidedRecord::*what, int size, int t) {
    MatrixXd out(std::ssize(condition.records), size);
    for (Eigen::Index k = 0; k < out.rows(); ++k) {
      const std::vector<double>& numbers = condition.records[static_cast<std::size_t>(k)].*what;
      out.row(k) = Eigen::Map<const VectorXd>(numbers.data() + t * size, size).transpose();
    }
    return out;
  }
  MatrixXd states(const Condition& condition, int t) const {
    return at(condition, &GuidedRecord::x, GuidedRecord::state_size(m_), t);
  }
  MatrixXd controls(const Condition& condition, int t) const { return at(condition, &GuidedRecord::u, m_, t); }
  /// What the policy would do, without noise.
  MatrixXd proposals(const Condition& condition, int t) const {
    const MatrixXd in = at(condition, &GuidedRecord::in, context_.rule.actor()->features(), t);
    std::vector<float> features;
    for (Eigen::Index k = 0; k < in.rows(); ++k) {
      for (const double x : in.row(k)) features.push_back(static_cast<float>(x));
    }
    const std::vector<float> out = actions_of(*context_.rule.actor(), context_.parameters.acting, features);
    return Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(out.data(), in.rows(), m_)
        .cast<double>();
  }

  /// The mixture of what `points` gives of a condition and a step, over all of them.
  GaussianMixture mixture(const std::function<MatrixXd(const Condition&, int)>& points, Random& random) const {
    std::vector<MatrixXd> parts;
    Eigen::Index rows = 0;
    for (const Condition& condition : conditions_) {
      for (int t = 0; t < steps_ && !condition.records.empty(); ++t) rows += parts.emplace_back(points(condition, t)).rows();
    }
    MatrixXd all(rows, parts.front().cols());
    rows = 0;
    for (const MatrixXd& part : parts) {
      all.middleRows(rows, part.rows()) = part;
      rows += part.rows();
    }
    return {all, options_.clusters, random};
  }

  void improve_controllers(Random& random) {
    const GaussianMixture dynamics = mixture(
        [&](const Condition& condition, int t) {
          const MatrixXd z = inputs(condition, t);
          MatrixXd out(z.rows(), z.cols() + GuidedRecord::state_size(m_));
          out << z, states(condition, t + 1);
          return out;
        },
        random);
    const GaussianMixture policy = mixture(
        [&](const Condition& condition, int t) {
          MatrixXd out(std::ssize(condition.records), GuidedRecord::state_size(m_) + m_);
          out << states(condition, t), proposals(condition, t);
          return out;
        },
        random);
    context_.team.for_jobs(options_.conditions, [&](int job) {
      Condition& condition = conditions_[static_cast<std::size_t>(job)];
      if (condition.records.size() > 1) improve(condition, dynamics, policy);
    });
  }

  MatrixXd inputs(const Condition& condition, int t) const {
    MatrixXd out(std::ssize(condition.records), GuidedRecord::state_size(m_) + m_);
    out << states(condition, t), controls(condition, t);
    return out;
  }

  /// f about the samples of step t, to second order.
  QuadraticCost cost_at(const Condition& condition, int t) const {
    const MatrixXd x = states(condition, t);
    const MatrixXd theta = x.leftCols(m_), gradient = x.middleCols(m_, m_);
    const VectorXd centre = theta.colwise().mean(), slope = gradient.colwise().mean();
    const MatrixXd curvature = mean_curvature(theta, gradient);
    const MatrixXd apart = theta.rowwise() - centre.transpose();
    const double spread = (apart * curvature).cwiseProduct(apart).sum() / static_cast<double>(x.rows());
    QuadraticCost out{MatrixXd::Zero(x.cols(), x.cols()), VectorXd::Zero(x.cols()), 0};
    out.curvature.topLeftCorner(m_, m_) = curvature;
    out.slope.head(m_) = slope - curvature * centre;
    out.constant =
        x.col(GuidedRecord::value_at(m_)).mean() - 0.5 * spread + 0.5 * centre.dot(curvature * centre) - slope.dot(centre);
    return out;
  }

  void improve(Condition& condition, const GaussianMixture& dynamics, const GaussianMixture& policy) const {
    const double cost = mean_cost(condition);
    if (condition.predicted > 0) {
      const double shortfall = std::max(kLeastShortfall, condition.predicted - (condition.cost - cost));
      const double change = std::clamp(condition.predicted / (2 * shortfall), kLeastChange, kMostChange);
      condition.multiplier = std::clamp(condition.multiplier * change, kLeastMultiplier, kMostMultiplier);
    }
    const MatrixXd first = states(condition, 0);
    LinearQuadratic problem{{first.row(0).transpose(), MatrixXd::Zero(first.cols(), first.cols())}, {}, {}};
    LinearGaussians reference;
    for (int t = 0; t <= steps_; ++t) {
      problem.costs.push_back(cost_at(condition, t));
      if (t == steps_) break;
      problem.dynamics.push_back(fit_linear(inputs(condition, t), states(condition, t + 1), dynamics, options_.strength));
      reference.push_back(fit_linear(states(condition, t), proposals(condition, t), policy, options_.strength));
      reference.back().covariance = noise_;
    }
    const double bound = options_.bound * condition.multiplier * steps_;
    BoundedController best = best_within(problem, reference, bound);
    condition.cost = cost;
    condition.predicted = expected_cost(problem, states_of(problem, reference)) - best.cost;
    // Of a linear model that explodes not even the reference can be computed; the controller stays as it is then.
    const bool usable = best.divergence <= bound && std::isfinite(condition.predicted) &&
                        std::ranges::all_of(best.controller, [](const LinearGaussian& step) {
                          return step.gain.allFinite() && step.offset.allFinite() && step.covariance.allFinite();
                        });
    if (!usable) {
      condition.predicted = 0;
      return;
    }
    for (std::size_t t = 0; t < reference.size(); ++t) {
      LinearGaussian& step = best.controller[t];
      step.covariance.diagonal().array() += kLeastVariance;
      condition.beyond.push_back({step.gain - reference[t].gain, step.offset - reference[t].offset, {}});
    }
    condition.divergence = best.divergence;
    condition.controller = std::make_shared<LinearGaussians>(std::move(best.controller));
  }

  /// Supervised learning at the sampled states, weighted by the controllers' precisions: at first of what they do, later of
  /// what the policy does and they do beyond it, so that errors of the linear model of the policy do not pile up from round
  /// to round. Returns the loss. The policy's covariance is that which fits best: the inverse of the mean precision.
  double teach(Random& random) {
    Lessons lessons;
    MatrixXd mean = MatrixXd::Zero(m_, m_);
    for (const Condition& condition : conditions_) {
      for (int t = 0; t < steps_ && !condition.records.empty(); ++t) {
        const LinearGaussian& act = (*condition.controller)[static_cast<std::size_t>(t)];
        lessons.weights.push_back(act.covariance.llt().solve(MatrixXd::Identity(m_, m_)));
        mean += lessons.weights.back();
        const MatrixXd x = states(condition, t), proposed = proposals(condition, t);
        const auto more = [&](const VectorXd& state) -> VectorXd {
          if (condition.beyond.empty()) return VectorXd::Zero(m_);
          const LinearGaussian& step = condition.beyond[static_cast<std::size_t>(t)];
          return step.gain * state + step.offset;
        };
        const auto width = static_cast<std::size_t>(context_.rule.actor()->features());
        for (std::size_t k = 0; k < condition.records.size(); ++k) {
          const auto in = condition.records[k].in.begin() + static_cast<std::ptrdiff_t>(width) * t;
          std::transform(in, in + static_cast<std::ptrdiff_t>(width), std::back_inserter(lessons.features),
                         [](double v) { return static_cast<float>(v); });
          const VectorXd state = x.row(static_cast<Eigen::Index>(k));
          const VectorXd action = taught_ ? VectorXd(proposed.row(static_cast<Eigen::Index>(k)).transpose() + more(state))
                                          : VectorXd(act.gain * state + act.offset);
          for (const double a : action) lessons.actions.push_back(static_cast<float>(std::clamp(a, -1.0, 1.0)));
          lessons.weight.push_back(lessons.weights.size() - 1);
        }
      }
    }
    mean /= static_cast<double>(lessons.weights.size());
    noise_ = mean.llt().solve(MatrixXd::Identity(m_, m_));
    noise_.diagonal().array() += kLeastVariance;
    // Their scale is Adam's to find, but its ε is absolute.
    for (MatrixXd& weight : lessons.weights) weight *= m_ / mean.trace();
    const Slice own = slice();
    std::vector<float> parameters(own.size());
    std::ranges::copy(own.of(context_.parameters.acting), parameters.begin());
    imitate(*context_.rule.actor(), lessons, {options_.updates, options_.batch, options_.learning_rate}, random, adam_,
            parameters);
    std::ranges::copy(parameters, own.of(context_.parameters.acting).begin());
    std::ranges::copy(parameters, own.of(context_.parameters.kept).begin());
    taught_ = true;
    return imitation_loss(*context_.rule.actor(), parameters, lessons);
  }

  TrainingContext context_;
  GuidedOptions options_;
  int steps_;
  int m_;
  std::vector<Condition> conditions_;
  MatrixXd noise_;       // covariance of the policy's actions when it samples [M, M]
  bool tuned_ = false;   // whether the first controllers are chosen
  bool taught_ = false;  // whether the policy has learnt from them
  Adam adam_;
};

}  // namespace

extern const LearnerEntry guided{"guided",
                                 "guided policy search: linear-Gaussian controllers teach the policy (Li & Malik 2016)",
                                 {"guided."},
                                 false,
                                 make_learner<Guided>,
                                 described<GuidedOptions>};

}  // namespace scout::learner
