#include <ATen/TensorOperators.h>

#include <cmath>

#include "scout/baseline/table.h"
#include "scout/baseline/tensor_method.h"

namespace scout::baseline {
namespace {

struct NadamwOptions : RateOptions {
  NadamwOptions() { lr = 1e-3; }
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
  bool nesterov = true;
  std::string correction = "moments";
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("beta1", beta1, "decay of the first moment", fraction);
    visit("beta2", beta2, "decay of the second moment", fraction);
    visit("epsilon", epsilon, "added to the root of the second moment", positive());
    visit("weight_decay", weight_decay, "decay towards 0, times the learning rate, a step", at_least(0));
    visit("nesterov", nesterov, "whether the gradient is put into the step once more; false: AdamW");
    visit("correction", correction,
          "where the bias of the moments is corrected: in them, or in the learning rate, which then also scales epsilon and "
          "weight decay",
          OneOf{{"moments", "rate"}});
  }
};

/// NAdamW: Dozat 2016, without a schedule of the momentum, as in Choi et al. 2019, arXiv 1910.05446, table 1, with decoupled
/// weight decay. `correction = "rate"` is that of Metz et al. 2020, arXiv 2002.11887.
class Nadamw final : public TensorMethod {
 public:
  using Options = NadamwOptions;
  Nadamw(const std::vector<at::Tensor>& parameters, const Options& options, const RunFacts&)
      : TensorMethod(parameters), options_(options), m_(keep_zeros()), v_(keep_zeros()) {}

 private:
  void step_tensor(std::size_t i, const at::Tensor& x, const at::Tensor& g) override {
    m_[i].mul_(options_.beta1).add_(g, 1 - options_.beta1);
    v_[i].mul_(options_.beta2).addcmul_(g, g, 1 - options_.beta2);
    const double steps = static_cast<double>(t());
    const double root = std::sqrt(1 - std::pow(options_.beta2, steps));
    const double corrected = lr() * root / (1 - std::pow(options_.beta1, steps));
    const bool in_rate = options_.correction == "rate";
    const at::Tensor top = options_.nesterov ? (m_[i] * options_.beta1).add_(g, 1 - options_.beta1) : m_[i];
    x.mul_(1 - (in_rate ? corrected : lr()) * options_.weight_decay);
    x.addcdiv_(top, v_[i].sqrt().add_(in_rate ? options_.epsilon : options_.epsilon * root), -corrected);
  }

  Options options_;
  std::vector<at::Tensor> m_, v_;
};

std::vector<nlohmann::json> settings() { return with_schedules(product({{"lr", log_spaced(1e-4, 3, 19)}})); }

/// The baseline of the self-tuning ruleset of the benchmark AlgoPerf (mlcommons/submissions_algorithms).
nlohmann::json algoperf() {
  return {{"lr", 0.0017486387539278373},         {"beta1", 1 - 0.06733926164}, {"beta2", 0.9955159689799007},
          {"weight_decay", 0.08121616522670176}, {"schedule", "cosine"},       {"warmup", 0.02}};
}

/// Rows of the sorted list of 1,000 settings of Metz et al. 2020: google/learned_optimization,
/// optimizers/data/opt_list.json. There a setting with a warm-up, however short, warms up until its cosine begins.
nlohmann::json listed(double lr, double beta1, double beta2, double epsilon, bool nesterov, double weight_decay,
                      double warmup, double hold, double floor) {
  return {{"lr", lr},
          {"beta1", beta1},
          {"beta2", beta2},
          {"epsilon", epsilon},
          {"nesterov", nesterov},
          {"weight_decay", weight_decay},
          {"schedule", "cosine"},
          {"warmup", warmup},
          {"hold", hold},
          {"floor", floor},
          {"correction", "rate"}};
}
nlohmann::json first() {
  return listed(0.0011948335721160095, 0.9360043452616368, 0.9989497406214962, 5.875814422073298e-06, false,
                0.010141964334059882, 0, 0.747304046223346, 0);
}
nlohmann::json second() {
  return listed(0.4060109803507517, 0.9972408031165986, 0.9868027286692506, 107.85861559302559, true, 0.015620239959742821,
                0.3241485833861578, 0.3241485833861578, 0);
}
nlohmann::json tenth() {
  return listed(0.0012415879131444274, 0.9466569269853439, 0.9406663837522827, 8.113630827139477e-08, false,
                7.25772958596056e-05, 0, 0.47695142196433893, 0.0010075665692423708);
}

using Method = OnTensors<Nadamw>;

}  // namespace

constinit const OptimizerEntry nadamw{"nadamw", "AdamW with Nesterov momentum", settings, make<Method>};
constinit const OptimizerEntry nadamw_algoperf{"nadamw-algoperf", "NAdamW as in AlgoPerf's self-tuning baseline, untuned",
                                               only<algoperf>, make_preset<Method, algoperf>};
constinit const OptimizerEntry nadamw_list_1{"nadamw-list-1", "the first of the public list of NAdamW settings, untuned",
                                             only<first>, make_preset<Method, first>};
constinit const OptimizerEntry nadamw_list_2{"nadamw-list-2", "the second of that list, untuned", only<second>,
                                             make_preset<Method, second>};
constinit const OptimizerEntry nadamw_list_10{"nadamw-list-10", "the tenth of that list, untuned", only<tenth>,
                                              make_preset<Method, tenth>};

}  // namespace scout::baseline
