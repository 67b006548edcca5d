// The architectures that need LibTorch.
#pragma once

#include <memory>
#include <vector>

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

namespace autograd {

/// Throw std::invalid_argument if the architecture cannot have choice.hidden.
std::unique_ptr<Classifier> make_convolutional(const ClassifierChoice& choice, const ExampleSource& source);
std::unique_ptr<Classifier> make_residual(const ClassifierChoice& choice, const ExampleSource& source);
std::unique_ptr<Classifier> make_recurrent(const ClassifierChoice& choice, const ExampleSource& source);
std::unique_ptr<Classifier> make_transformer(const ClassifierChoice& choice, const ExampleSource& source);

}  // namespace autograd
}  // namespace scout
