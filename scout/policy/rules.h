// The table of update rules, and the options that rules are made from.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "scout/base/options.h"
#include "scout/policy/rule/update_rule.h"

namespace scout {

/// Which update rule, and of what shape. Each rule uses some of these: see RuleEntry::options.
struct RuleOptions {
  std::string rule = "coordinate";
  int dimension = 0;
  std::vector<int> hidden{64, 64};
  bool gradient = true;
  bool proposals = true;
  int history = 4;
  bool absolute = false;
  std::string code = "log";
  double step_scale = 0.7;
  int decisions = 0;
  std::vector<int> decision_hidden{64, 64};
  bool by_coordinate = true;
  std::vector<int> layers{20, 20};
  double preprocess = 5;
  int width = 16;
  int heads = 2;
  int context = 128;

  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("rule", rule, "the update rule: see `scout list rules`");
    visit("dimension", dimension, "rules joint and history: the number of coordinates", at_least(0));
    visit("hidden", hidden, "widths of the hidden layers", at_least(1));
    visit("gradient", gradient, "rules coordinate and joint: whether the gradient is observed");
    visit("proposals", proposals,
          "rule coordinate: mix steps that the features propose; off: the network puts out the step");
    visit("history", history, "rules joint and history: steps that it sees", at_least(1));
    visit("absolute", absolute, "rule joint: θ as it lies in the box, and nothing but the history");
    visit("code", code, "rule joint: what an action stands for, the logarithm of a step or the step",
          OneOf{{"log", "linear"}});
    visit(
        "step_scale", step_scale,
        "the largest step of a coordinate, as a share of the box's width; rule weight: the base step, as a share of a "
        "tensor's scale; rules adam, small_fc and celo2: the learning rate; rules lstm and hierarchical_rnn: the factor of "
        "the network's step",
        positive());
    visit("decisions", decisions,
          "decisions of a run, each for an equal part of its horizon; rule weight: in the first thousand steps, each for "
          "longer than the one before; 0: none",
          at_least(0));
    visit("decision_hidden", decision_hidden, "widths of the hidden layers of the network that decides", at_least(1));
    visit("by_coordinate", by_coordinate,
          "rule coordinate: the network of every coordinate; off: what acts on whole runs steers alone");
    visit("layers", layers,
          "rule lstm: cells of each layer; empty: the step is affine in the network's inputs; rule transformer: units of "
          "each block's feed-forward layer",
          at_least(1));
    visit(
        "preprocess", preprocess,
        "rule lstm: k, where the network sees the logarithm of a gradient over k and the gradient times e^k, both clamped; "
        "0: it sees the gradient",
        between(0, 20));
    visit("width", width, "rule transformer: numbers that stand for a step of a coordinate; a multiple of heads",
          between(1, 256));
    visit("heads", heads, "rule transformer: heads of each block's attention", between(1, 16));
    visit("context", context, "rule transformer: steps that it sees, the latest", between(1, 1024));
  }
};

struct RuleEntry {
  const char* name;
  const char* summary;               ///< one line for listings
  std::vector<std::string> options;  ///< those of RuleOptions that it uses, besides `rule`
  /// Throws std::invalid_argument naming an option that is out of range.
  std::shared_ptr<const UpdateRule> (*make)(const RuleOptions&);
};

/// RuleEntry::make of a rule that is constructed from options.
template <class Rule>
std::shared_ptr<const UpdateRule> make_rule_of(const RuleOptions& options) {
  return std::make_shared<Rule>(options);
}

const std::vector<RuleEntry>& rule_table();
/// The row of that name. Throws std::invalid_argument that names the nearest known one.
const RuleEntry& rule_entry(const std::string& name);
/// Throws std::invalid_argument naming option, value and condition.
std::shared_ptr<const UpdateRule> make_rule(const RuleOptions& options);

}  // namespace scout
