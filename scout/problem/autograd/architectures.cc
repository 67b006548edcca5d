#include "scout/problem/autograd/architectures.h"

namespace scout {

std::vector<Architecture> autograd_architectures() {
  const std::vector<std::string> images = image_source_names();
  const std::vector<std::string> sequences{"recall", "markov"};
  return {
      {"conv",
       "convolutional net 32-64-64 (Metz et al. 2022)",
       images,
       {.hidden = {"32x64x64"}},
       autograd::make_convolutional},
      {"resnet",
       "small residual net with batch norm (He et al. 2016)",
       images,
       {.hidden = {"16x32x64"}},
       autograd::make_residual},
      {"rnn", "recurrent net (Elman 1990)", sequences, {.hidden = {"32"}}, autograd::make_recurrent},
      {"transformer", "causal transformer (Vaswani et al. 2017)", sequences, {.hidden = {"32"}}, autograd::make_transformer},
  };
}

}  // namespace scout
