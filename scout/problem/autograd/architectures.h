// The architectures that need LibTorch.
#pragma once

#include "scout/problem/classifier/family.h"

namespace scout {

/// Rows for `add_architectures`:
///
/// - conv: 3x3 convolutions, 32-64-64, on images;
/// - resnet: three residual blocks with batch norm, 16-32-64, on images. Batch norm takes the statistics of the examples at
///   hand, when training is judged too (256 at a time), so that f is a function of θ alone;
/// - rnn: one layer of 32 tanh units, on sequences;
/// - transformer: one causal block of width 32, on sequences.
std::vector<Architecture> autograd_architectures();

}  // namespace scout
