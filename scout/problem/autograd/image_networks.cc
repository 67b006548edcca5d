#include <torch/types.h>

#include <algorithm>

#include "scout/base/options.h"
#include "scout/problem/autograd/architectures.h"
#include "scout/problem/autograd/classifier.h"

namespace scout::autograd {
namespace {

/// 3x3 convolutions with ReLU, the first with stride 2, the mean over all places, and an affine layer: the network of
/// learned_optimization's image tasks (Metz et al. 2022).
class Convolutional : public AutogradClassifier {
 public:
  Convolutional(const ClassifierChoice& choice, const ExampleSource& source)
      : AutogradClassifier(source.shape()), layers_(choice.hidden.size()) {
    if (choice.hidden.empty()) throw_bad_option("hidden", "empty", "the channels of at least one layer");
    std::int64_t in = source.shape()[0];
    const int side = (source.shape()[1] + 1) / 2;
    for (const int out : choice.hidden) {
      add_weight({out, in, 3, 3});
      add_bias(out);
      in = out;
      largest_output_ = std::max(largest_output_, static_cast<std::size_t>(side * side * out));
    }
    add_weight({source.classes(), in});
    add_bias(source.classes());
  }

 private:
  at::Tensor scores(Pass& pass, const at::Tensor& images) const override {
    at::Tensor x = images;
    for (std::size_t layer = 0; layer < layers_; ++layer) {
      x = pass.convolution(x, layer == 0 ? 2 : 1);
      x = pass.channel_bias(x).relu();
    }
    return pass.linear(x.mean({2, 3}));
  }

  std::size_t largest_output() const override { return largest_output_; }

  std::size_t layers_;
  std::size_t largest_output_ = 0;
};

/// A small residual network (He et al. 2016): a 3x3 convolution, then one block of two a stage, each stage but the first at
/// half the resolution, then as above.
class Residual : public AutogradClassifier {
 public:
  Residual(const ClassifierChoice& choice, const ExampleSource& source)
      : AutogradClassifier(source.shape()), channels_(choice.hidden) {
    if (channels_.empty()) throw_bad_option("hidden", "empty", "the channels of at least one stage");
    std::int64_t in = channels_.front();
    int side = source.shape()[1];
    largest_output_ = static_cast<std::size_t>(side * side) * static_cast<std::size_t>(in);
    add_convolution(source.shape()[0], in, 3);
    for (std::size_t stage = 0; stage < channels_.size(); ++stage) {
      const int out = channels_[stage];
      if (stage > 0) side = (side + 1) / 2;
      largest_output_ = std::max(largest_output_, static_cast<std::size_t>(side * side) * static_cast<std::size_t>(out));
      add_convolution(in, out, 3);
      add_convolution(out, out, 3);
      if (out != in) add_convolution(in, out, 1);
      in = out;
    }
    add_weight({source.classes(), in});
    add_bias(source.classes());
  }

 private:
  void add_convolution(std::int64_t in, std::int64_t out, std::int64_t size) {
    add_weight({out, in, size, size});
    add_scale(out);
    add_bias(out);
  }

  at::Tensor scores(Pass& pass, const at::Tensor& images) const override {
    at::Tensor x = pass.batch_norm(pass.convolution(images, 1)).relu();
    for (std::size_t stage = 0; stage < channels_.size(); ++stage) {
      const int stride = stage == 0 ? 1 : 2;
      at::Tensor y = pass.batch_norm(pass.convolution(x, stride)).relu();
      y = pass.batch_norm(pass.convolution(y, 1));
      if (y.size(1) != x.size(1)) {
        x = pass.batch_norm(pass.convolution(x, stride));
      } else if (stride != 1) {
        x = x.slice(2, 0, x.size(2), stride).slice(3, 0, x.size(3), stride);
      }
      x = (x + y).relu();
    }
    return pass.linear(x.mean({2, 3}));
  }

  std::size_t largest_output() const override { return largest_output_; }

  std::vector<int> channels_;
  std::size_t largest_output_;
};

}  // namespace

std::unique_ptr<Classifier> make_convolutional(const ClassifierChoice& choice, const ExampleSource& source) {
  return std::make_unique<Convolutional>(choice, source);
}

std::unique_ptr<Classifier> make_residual(const ClassifierChoice& choice, const ExampleSource& source) {
  return std::make_unique<Residual>(choice, source);
}

}  // namespace scout::autograd
