#include "scout/problem/autograd/architectures.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "scout/base/json_lines.h"
#include "scout/problem/autograd/classifier.h"

namespace scout {
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
    add_affine(in, source.classes());
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
    add_affine(in, source.classes());
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

/// The states [B, steps, width] that labels belong to: all of them, or the last; one under another.
at::Tensor labelled(const at::Tensor& states, int targets) {
  return targets == 1 ? states.select(1, -1) : states.reshape({-1, states.size(2)});
}

/// h_t = tanh(W x_t + U h_{t-1} + b) from h_0 = 0 (Elman 1990), and an affine layer on h.
class Recurrent : public AutogradClassifier {
 public:
  Recurrent(const ClassifierChoice& choice, const ExampleSource& source)
      : AutogradClassifier(source.shape()), targets_(source.targets()) {
    if (choice.hidden.size() != 1) throw_bad_option("hidden", "not one width", "one width, e.g. 32");
    const int width = choice.hidden[0];
    add_weight({width, source.shape()[1]});
    add_weight({width, width});
    add_bias(width);
    add_affine(width, source.classes());
  }

 private:
  at::Tensor scores(Pass& pass, const at::Tensor& x) const override {
    const at::Tensor from_input = at::linear(x, pass.take());
    pass.observe(1, from_input);
    const at::Tensor recurrent = pass.take();
    std::vector<at::Tensor> states;
    std::vector<at::Tensor> from_state;
    const at::Tensor bias = pass.take();
    at::Tensor h = at::zeros({x.size(0), recurrent.size(0)}, x.options());
    for (std::int64_t t = 0; t < x.size(1); ++t) {
      if (t > 0) from_state.push_back(at::linear(h, recurrent));
      const at::Tensor sum = from_input.select(1, t) + bias;
      h = (t > 0 ? sum + from_state.back() : sum).tanh();
      states.push_back(h);
    }
    if (pass.observed()) pass.observe(2, at::stack(from_state, 1));
    return pass.linear(labelled(at::stack(states, 1), targets_));
  }

  int targets_;
};

/// A causal transformer with learned positions, two heads, normalisation before each part (Vaswani et al. 2017, Radford et
/// al. 2019) and a feed-forward part twice as wide; one block for each width, which are equal.
class Transformer : public AutogradClassifier {
 public:
  Transformer(const ClassifierChoice& choice, const ExampleSource& source)
      : AutogradClassifier(source.shape()), targets_(source.targets()), blocks_(choice.hidden.size()) {
    const auto& widths = choice.hidden;
    if (widths.empty() || widths[0] % kHeads != 0 ||
        std::count(widths.begin(), widths.end(), widths[0]) != std::ssize(widths)) {
      throw_bad_option("hidden", json_text(widths), "equal even widths, one a block, e.g. 32x32");
    }
    const int width = widths[0];
    add_affine(source.shape()[1], width);
    add_weight({width, source.shape()[0]});
    for (std::size_t block = 0; block < blocks_; ++block) {
      add_norm(width);
      add_affine(width, 3 * width);
      add_affine(width, width);
      add_norm(width);
      add_affine(width, 2 * width);
      add_affine(2 * width, width);
    }
    add_norm(width);
    add_affine(width, source.classes());
  }

 private:
  static constexpr int kHeads = 2;

  void add_norm(int width) {
    add_scale(width);
    add_bias(width);
  }

  static at::Tensor attend(Pass& pass, const at::Tensor& x) {
    const auto batch = x.size(0);
    const auto steps = x.size(1);
    const auto width = x.size(2);
    // [3, B, heads, steps, width / heads]
    const at::Tensor parts = pass.linear(x).view({batch, steps, 3, kHeads, width / kHeads}).permute({2, 0, 3, 1, 4});
    const at::Tensor likeness = parts[0].matmul(parts[1].transpose(-2, -1)) / std::sqrt(static_cast<double>(width / kHeads));
    const at::Tensor later = at::ones({steps, steps}, x.options().dtype(at::kBool)).triu(1);
    const at::Tensor share = likeness.masked_fill(later, -std::numeric_limits<double>::infinity()).softmax(-1);
    return pass.linear(share.matmul(parts[2]).transpose(1, 2).reshape({batch, steps, width}));
  }

  at::Tensor scores(Pass& pass, const at::Tensor& symbols) const override {
    at::Tensor x = pass.linear(symbols);
    const at::Tensor positions = pass.take();
    pass.observe(1, positions);
    x = x + positions.t();
    for (std::size_t block = 0; block < blocks_; ++block) {
      x = x + attend(pass, pass.layer_norm(x));
      const at::Tensor inner = pass.linear(pass.layer_norm(x)).relu();
      x = x + pass.linear(inner);
    }
    return pass.linear(labelled(pass.layer_norm(x), targets_));
  }

  int targets_;
  std::size_t blocks_;
};

template <class Network>
std::unique_ptr<Classifier> make(const ClassifierChoice& choice, const ExampleSource& source) {
  return std::make_unique<Network>(choice, source);
}

}  // namespace

std::vector<Architecture> autograd_architectures() {
  const std::vector<std::string> images = image_source_names();
  const std::vector<std::string> sequences{"recall", "markov"};
  return {
      {"conv", "convolutional net 32-64-64 (Metz et al. 2022)", images, {.hidden = {"32x64x64"}}, make<Convolutional>},
      {"resnet", "small residual net with batch norm (He et al. 2016)", images, {.hidden = {"16x32x64"}}, make<Residual>},
      {"rnn", "recurrent net (Elman 1990)", sequences, {.hidden = {"32"}}, make<Recurrent>},
      {"transformer", "causal transformer (Vaswani et al. 2017)", sequences, {.hidden = {"32"}}, make<Transformer>},
  };
}

}  // namespace scout
