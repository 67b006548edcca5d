// A rule for functions: an observer of the run, and an actor on what it sees.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "scout/policy/rule/observer.h"
#include "scout/policy/rule/update_rule.h"

namespace scout {

class ObserverRule : public UpdateRule {
 public:
  using NewObserver = std::function<std::unique_ptr<Observer>(int dimension)>;

  bool observes_gradient() const override { return gradient_; }
  double step_scale() const override { return step_scale_; }
  std::string signature() const override { return signature_; }
  std::size_t parameter_count() const override { return actor_.parameter_count(); }
  std::vector<float> initial_parameters(Random& random) const override { return actor_.initial_parameters(random); }
  std::shared_ptr<const Stepper> with(std::span<const float> parameters) const override;
  const Actor* actor() const override { return &actor_; }
  Linear context_head() const override { return actor_.head(); }

 protected:
  ObserverRule(Actor actor, NewObserver new_observer, bool gradient, double step_scale, std::string signature)
      : actor_(std::move(actor)),
        new_observer_(std::move(new_observer)),
        gradient_(gradient),
        step_scale_(step_scale),
        signature_(std::move(signature)) {}

 private:
  Actor actor_;
  NewObserver new_observer_;
  bool gradient_;
  double step_scale_;
  std::string signature_;
};

/// "f,theta,step,gradient", or without the gradient: for signatures.
inline std::string observed(bool gradient) { return gradient ? "f,theta,step,gradient" : "f,theta,step"; }

}  // namespace scout
