#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "scout/base/options.h"
#include "scout/problem/autograd/architectures.h"
#include "scout/problem/autograd/classifier.h"

namespace scout::autograd {
namespace {

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
    add_weight({source.classes(), width});
    add_bias(source.classes());
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
      throw_bad_option("hidden", nlohmann::json(widths).dump(), "equal even widths, one a block, e.g. 32x32");
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

  void add_affine(int in, int out) {
    add_weight({out, in});
    add_bias(out);
  }
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

}  // namespace

std::unique_ptr<Classifier> make_recurrent(const ClassifierChoice& choice, const ExampleSource& source) {
  return std::make_unique<Recurrent>(choice, source);
}

std::unique_ptr<Classifier> make_transformer(const ClassifierChoice& choice, const ExampleSource& source) {
  return std::make_unique<Transformer>(choice, source);
}

}  // namespace scout::autograd
