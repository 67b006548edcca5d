// A part of any family of functions: a few fixed instances, and training starts in a small region.
#pragma once

#include "scout/base/options.h"
#include "scout/problem/instance.h"

namespace scout {

/// What is left of a family.
struct NarrowOptions {
  std::vector<int> instance;
  double region = 1;

  void describe(auto&& visit) {
    visit("instance", instance,
          "the only instances, by their numbers in the training split: all splits are these, and differ in their starts; "
          "none: as the family draws them",
          at_least(0));
    visit("region", region,
          "training runs start in a cube of this share of the box's width, in the corner farthest from the optimum; others "
          "in the whole box",
          Condition{.low = 0, .high = 1, .open_low = true});
  }
};

/// The family "BASE:AXES", such as "schwefel:instance=0,region=0.1" or, a narrow class, "schwefel:instance=0|1|2". Number k
/// of a split is the k-th of the listed instances, counted round. So what a policy is tested on is what it was trained on:
/// this is for fitting one model again and again, and says nothing about other functions. Throws std::invalid_argument
/// naming axis, value and condition.
std::shared_ptr<const Family> narrow_family(std::shared_ptr<const Family> base, std::string_view axes);

}  // namespace scout
