// The rule "coordinate": one small network for every coordinate of a function, on features that are the coordinate's own.
//
// With *proposals*, steps that the features contain, the network mixes a coordinate's step from them (mixture.h).
//
// The first proposal, the base, is an annealed gradient step times e^{u_1}. The others lead to the next probe of the region,
// to the minima of its models, to the best point so far, to the mean of good points, to the zero of a secant or of a
// regression of the gradient, and on along the last step. Sparse weights let a policy do one thing at a time. The context
// head adds to all outputs but the first. Learning starts from a network of zeros and a head that probes, then goes where a
// model explains much of what was seen, and descends.
#include <algorithm>
#include <stdexcept>

#include "scout/policy/coordinate/coordinatewise_observer.h"
#include "scout/policy/coordinate/mixture.h"
#include "scout/policy/rule/observer_rule.h"
#include "scout/policy/rules.h"

namespace scout {
namespace {

using Observed = CoordinatewiseObserver;

/// The initial policy, as outputs: the base is 0. The probe begins far above it and falls below it half-way through the run;
/// the models rise with what they explain.
constexpr float kInitialProbe = 8.0F;
constexpr float kInitialProbeEnd = -8.0F;
constexpr float kInitialModel = -1.0F;
constexpr float kInitialSeparableTrust = 4.0F;
constexpr float kInitialQuadraticTrust = 1.5F;
constexpr float kInitialOther = -1.0F;

/// What a decision of 1 adds to the outputs: to the logarithm of the step, to that of the base, and to each weight.
constexpr float kStepSpan = 1.0F;
constexpr float kOtherSpan = 3.0F;

Actor make_actor(const RuleOptions& options) {
  if (!options.proposals) {
    const bool decides = options.decisions > 0 || !options.by_coordinate;
    if (decides)
      throw_bad_option("proposals", "false", "true, with decisions or without by_coordinate: what else is mixed?");
    return Actor(Observed::kFeatures, options.hidden, 1);
  }
  // The step's size and the base's, then the weights of the base and of the other proposals.
  const int outputs = static_cast<int>(Observed::proposal_features().size()) + 1;
  std::vector<float> spans(options.decisions > 0 ? static_cast<std::size_t>(outputs) : 0, kOtherSpan);
  if (!spans.empty()) spans.front() = kStepSpan;
  const int features = Observed::kFeatures + static_cast<int>(spans.size());
  return Actor({.network = options.by_coordinate ? Mlp(layer_sizes(features, options.hidden, outputs)) : Mlp(),
                .features = features,
                .outputs = outputs,
                .map = std::make_shared<kernel::Mixture>(Observed::proposal_features(), features),
                .context = Observed::context_features(),
                .head_outputs = outputs - 1,
                .decision = Observed::kFeatures,
                .spans = std::move(spans)});
}

std::optional<DecisionHead> make_head(const RuleOptions& options) {
  if (options.decisions == 0) return {};
  const Actor actor = make_actor(options);
  return DecisionHead(Observed::run_columns(), options.decision_hidden, actor.spans(), options.decisions,
                      DecisionHead::Stretches::equal, actor.parameter_count());
}

class CoordinateRule : public ObserverRule {
 public:
  explicit CoordinateRule(const RuleOptions& options)
      : ObserverRule(
            make_actor(options),
            [gradient = options.gradient](int dimension, std::shared_ptr<const DecisionHead> decisions) {
              if (dimension < 1) throw std::invalid_argument("CoordinatewiseObserver: dimension must be at least 1");
              return std::make_unique<Observed>(dimension, gradient, std::move(decisions));
            },
            options.gradient, options.step_scale, "coordinatewise/3:" + observed(options.gradient), make_head(options)) {}

  std::vector<float> initial_parameters(Random& random) const override {
    std::vector<float> parameters = ObserverRule::initial_parameters(random);
    const Linear head = context_head();
    if (head.out == 0) return parameters;
    float* weight = parameters.data() + head.offset;
    float* bias = weight + head.in * head.out;
    const auto find = [](const std::vector<int>& features, int feature) {
      return std::find(features.begin(), features.end(), feature) - features.begin();
    };
    const auto set = [&](int proposal, float constant, int context, float slope) {
      const std::ptrdiff_t output = find(Observed::proposal_features(), proposal);
      bias[output] = constant;
      weight[output * head.in + find(Observed::context_features(), context)] = slope;
    };
    std::fill(bias + 2, bias + head.out, kInitialOther);
    set(Observed::kToProbe, kInitialProbe, Observed::kElapsed, kInitialProbeEnd - kInitialProbe);
    set(Observed::kToSeparable, kInitialModel, Observed::kSeparableMeanUnexplained, -kInitialSeparableTrust);
    set(Observed::kToQuadratic, kInitialModel, Observed::kQuadraticUnexplained, -kInitialQuadraticTrust);
    return parameters;
  }
};

}  // namespace

RuleEntry coordinate_rule() {
  return {"coordinate",
          "functions of any M: one network for every coordinate, which mixes steps that its features propose",
          {"hidden", "gradient", "proposals", "step_scale", "decisions", "decision_hidden", "by_coordinate"},
          make_rule_of<CoordinateRule>};
}

}  // namespace scout
