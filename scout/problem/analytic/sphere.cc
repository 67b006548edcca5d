#include "scout/problem/analytic/function.h"

namespace scout::analytic {

static double term(double z, double& slope, const Parameters&) {
  slope = 2.0 * z;
  return z * z;
}

extern const AnalyticFunction sphere{
    .name = "sphere",
    .summary = "the simplest bowl",
    .source = "De Jong 1975",
    .evaluate = sum_of<term>,
    .domain = {-5.12, 5.12},
    .optimum = all_equal<0>,
};

}  // namespace scout::analytic
