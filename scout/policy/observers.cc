#include "scout/policy/rule/observer.h"

#include <stdexcept>

#include "scout/policy/coordinate/coordinatewise_observer.h"
#include "scout/policy/joint/joint_observer.h"
#include "scout/policy/weight/weight_rule.h"

namespace scout {

std::string feature_signature(const ObserverOptions& options) {
  const std::string observed = options.gradient ? "f,theta,step,gradient" : "f,theta,step";
  if (options.form == "coordinatewise") return "coordinatewise/3:" + observed;
  if (options.form == "network") return "network/2:theta,gradient,loss";
  return "joint/1:" + observed + ":M=" + std::to_string(options.dimension) + ":H=" + std::to_string(options.history);
}

int feature_count(const ObserverOptions& options) {
  if (options.form == "coordinatewise") return CoordinatewiseObserver::kFeatures;
  if (options.form == "network") return kernel::kFeatures + WeightRule::kContext;
  return JointObserver::feature_count(options.dimension, options.history, options.gradient);
}

std::unique_ptr<Observer> make_observer(const ObserverOptions& options, int dimension) {
  if (options.form == "coordinatewise") return std::make_unique<CoordinatewiseObserver>(dimension, options.gradient);
  if (options.form == "network") {
    throw std::invalid_argument(
        "a network policy trains the weights of neural networks (LearnedOptimizer, PolicyOptimizer): it has no features of "
        "a coordinate; use a coordinatewise or joint policy");
  }
  if (options.form != "joint") {
    throw std::invalid_argument("option 'form' is \"" + options.form + "\": must be \"coordinatewise\" or \"joint\"");
  }
  if (dimension != options.dimension) {
    throw std::invalid_argument("a joint policy for M = " + std::to_string(options.dimension) +
                                " cannot minimise a function of M = " + std::to_string(dimension) +
                                ": train one for this dimension, or use a coordinatewise policy");
  }
  return std::make_unique<JointObserver>(dimension, options.history, options.gradient);
}

}  // namespace scout
