#include "scout/problem/classifier/family.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "scout/problem/classifier/perceptron.h"

namespace scout {
namespace {

constexpr std::size_t kJudged = 1024;  // examples of the judged loss
constexpr std::size_t kChunk = 256;    // examples evaluated at once where there are many

DataPart held_out_part(Split split) {
  if (split == Split::train) return DataPart::inner_validation;
  return split == Split::validation ? DataPart::outer_validation : DataPart::test;
}

/// Examples in memory.
struct Batch {
  std::vector<float> inputs;
  std::vector<std::int32_t> labels;

  void read(const ExampleSource& source, DataPart part, std::span<const std::uint32_t> indices, Random* random) {
    inputs.resize(indices.size() * source.input_size());
    labels.resize(indices.size() * static_cast<std::size_t>(source.targets()));
    source.read(part, indices, random, inputs, labels);
  }
};

std::shared_ptr<const ExampleSource> source_of(const std::string& data, const ClassifierChoice& choice, Seed seed) {
  auto source = example_source(data, choice.side, choice.augment, seed);
  return choice.label_noise > 0 ? with_label_noise(std::move(source), choice.label_noise, seed.derive("label noise"))
                                : source;
}

class ClassifierInstance : public Instance {
 public:
  ClassifierInstance(const Architecture& architecture, const ClassifierAxes& axes, const std::string& data, Split split,
                     Seed seed)
      : choice_(choose(axes, seed)),
        source_(source_of(data, choice_, seed)),
        classifier_(architecture.make(choice_, *source_)),
        held_out_(held_out_part(split)),
        minibatches_(seed.derive("minibatch")) {
    std::vector<std::uint32_t> order(source_->count(DataPart::inner_train));
    std::iota(order.begin(), order.end(), 0U);
    Random random(seed.derive("judged"));
    shuffle(std::span(order), random);
    order.resize(std::min(order.size(), kJudged));
    judged_.read(*source_, DataPart::inner_train, order, nullptr);
    upper_.resize(classifier_->parameter_count());
    unit_.assign(choice_.rescale > 0 || choice_.rescale_all > 0 ? upper_.size() : 0, 1.0F);
    Random units(seed.derive("rescale")), common(seed.derive("rescale all"));
    const double log_unit = choice_.rescale_all > 0 ? common.uniform(-choice_.rescale_all, choice_.rescale_all) : 0.0;
    for (const ParameterTensor& tensor : classifier_->tensors()) {
      const auto first = static_cast<std::ptrdiff_t>(tensor.offset);
      const double own = choice_.rescale > 0 ? units.uniform(-choice_.rescale, choice_.rescale) : 0.0;
      const double unit = std::exp(log_unit + own);
      std::fill_n(upper_.begin() + first, tensor.size, std::max(1.0, start_bound(choice_.init, tensor)) / unit);
      if (!unit_.empty()) std::fill_n(unit_.begin() + first, tensor.size, static_cast<float>(unit));
    }
    for (const double bound : upper_) lower_.push_back(-bound);
  }

  int dimension() const override { return static_cast<int>(upper_.size()); }

  std::vector<TensorShape> tensors() const override {
    std::vector<TensorShape> out;
    for (const ParameterTensor& tensor : classifier_->tensors()) {
      const auto size = static_cast<std::int64_t>(tensor.size);
      out.push_back({size, tensor.dimensions, tensor.dimensions > 1 ? tensor.rows : size});
    }
    return out;
  }

  void evaluate(std::span<const double> theta, std::span<double> f, std::span<double> gradient) const override {
    for_each_point(theta, f, gradient, judged_);
  }

  bool stochastic() const override { return true; }

  void evaluate_minibatch(std::uint64_t minibatch, std::span<const double> theta, std::span<double> f,
                          std::span<double> gradient) const override {
    thread_local Batch batch;
    thread_local std::vector<std::uint32_t> indices;
    Random random(minibatches_.derive(minibatch));
    indices.resize(static_cast<std::size_t>(choice_.batch));
    for (std::uint32_t& i : indices) i = static_cast<std::uint32_t>(random.index(source_->count(DataPart::inner_train)));
    batch.read(*source_, DataPart::inner_train, indices, &random);
    for_each_point(theta, f, gradient, batch);
  }

  double true_value(std::span<const double> theta) const override {
    double f = 0;
    evaluate(theta, {&f, 1}, {});
    return f;
  }

  void sample_start(Random& random, std::span<double> theta) const override {
    if (theta.size() != upper_.size()) {
      throw std::invalid_argument("network: the start has " + std::to_string(theta.size()) + " coordinates: must be " +
                                  std::to_string(upper_.size()));
    }
    std::vector<float> start(theta.size());
    initialise(choice_.init, *classifier_, judged_.inputs, random, start);
    for (std::size_t i = 0; i < unit_.size(); ++i) start[i] /= unit_[i];
    std::copy(start.begin(), start.end(), theta.begin());
  }

  std::span<const double> lower() const override { return lower_; }
  std::span<const double> upper() const override { return upper_; }

  std::vector<Metric> metrics(std::span<const double> theta) const override {
    std::vector<float> point(theta.begin(), theta.end());
    in_units(point);
    std::vector<Metric> out;
    for (const auto& [name, part] : {std::pair{"train", DataPart::inner_train}, {"held-out", held_out_}}) {
      const std::size_t count = source_->count(part);
      double loss = 0;
      std::int64_t correct = 0;
      Batch batch;
      for (std::size_t first = 0; first < count; first += kChunk) {
        std::vector<std::uint32_t> indices(std::min(kChunk, count - first));
        std::iota(indices.begin(), indices.end(), static_cast<std::uint32_t>(first));
        batch.read(*source_, part, indices, nullptr);
        const Score score = classifier_->evaluate(point, batch.inputs, batch.labels, {});
        loss += score.loss * static_cast<double>(indices.size());
        correct += score.correct;
      }
      out.push_back({std::string(name) + "-loss", loss / static_cast<double>(count)});
      out.push_back(
          {std::string(name) + "-accuracy",
           static_cast<double>(correct) / static_cast<double>(count * static_cast<std::size_t>(source_->targets()))});
    }
    return out;
  }

 private:
  /// The mean loss of each point of `theta` [B, M] on `batch`, and its gradient.
  void for_each_point(std::span<const double> theta, std::span<double> f, std::span<double> gradient,
                      const Batch& batch) const {
    thread_local std::vector<float> points, slopes, sums;
    thread_local std::vector<Score> scores;
    thread_local std::vector<double> losses;
    const std::size_t m = upper_.size();
    const auto targets = static_cast<std::size_t>(source_->targets());
    const std::size_t count = batch.labels.size() / targets;
    points.assign(theta.begin(), theta.end());
    in_units(points);
    scores.resize(points.size() / m);
    losses.assign(scores.size(), 0.0);
    slopes.resize(gradient.empty() ? 0 : points.size());
    sums.assign(slopes.size(), 0.0F);
    for (std::size_t first = 0; first < count; first += kChunk) {
      const std::size_t rows = std::min(kChunk, count - first);
      const auto inputs = std::span(batch.inputs).subspan(first * source_->input_size(), rows * source_->input_size());
      const auto labels = std::span(batch.labels).subspan(first * targets, rows * targets);
      const double share = static_cast<double>(rows) / static_cast<double>(count);
      classifier_->evaluate_each(points, inputs, labels, scores, slopes);
      for (std::size_t b = 0; b < scores.size(); ++b) losses[b] += share * scores[b].loss;
      for (std::size_t i = 0; i < slopes.size(); ++i) sums[i] += static_cast<float>(share) * slopes[i];
    }
    in_units(sums);
    if (!f.empty()) std::copy(losses.begin(), losses.end(), f.begin());
    std::copy(sums.begin(), sums.end(), gradient.begin());
  }

  /// Multiplies each of the vectors [K, M] by the parameters' units.
  void in_units(std::span<float> vectors) const {
    for (std::size_t k = 0; !unit_.empty() && k < vectors.size(); k += unit_.size()) {
      for (std::size_t i = 0; i < unit_.size(); ++i) vectors[k + i] *= unit_[i];
    }
  }

  ClassifierChoice choice_;
  std::shared_ptr<const ExampleSource> source_;
  std::unique_ptr<const Classifier> classifier_;
  DataPart held_out_;
  Seed minibatches_;
  Batch judged_;
  std::vector<double> lower_, upper_;
  std::vector<float> unit_;  // of each parameter: what the classifier gets is unit · θ. Empty: all 1
};

class ClassifierFamily : public Family {
 public:
  ClassifierFamily(const Architecture& architecture, std::string data, std::string_view name, std::string_view axes)
      : Family(std::string(name), architecture.summary + ", on " + data),
        architecture_(architecture),
        axes_(architecture.axes),
        data_(std::move(data)) {
    if (!axes.empty()) set_axes(axes_, axes);
  }

  bool of_networks() const override { return true; }
  bool has_own_dimensions() const override { return true; }

  std::unique_ptr<Instance> sample(Split split, std::uint64_t index, int) const override {
    const Seed seed = instance_seed(architecture_.name + "-" + data_, split, index, 0);
    return std::make_unique<ClassifierInstance>(architecture_, axes_, data_, split, seed);
  }

 private:
  Architecture architecture_;
  ClassifierAxes axes_;
  std::string data_;
};

std::unique_ptr<Classifier> make_softmax(const ClassifierChoice& choice, const ExampleSource& source) {
  if (!choice.hidden.empty()) throw_bad_option("hidden", "not empty", "empty: softmax regression has no hidden layer");
  return std::make_unique<Perceptron>(std::vector<int>{static_cast<int>(source.input_size()), source.classes()},
                                      Activation::relu);
}

std::unique_ptr<Classifier> make_perceptron(const ClassifierChoice& choice, const ExampleSource& source) {
  std::vector<int> sizes{static_cast<int>(source.input_size())};
  sizes.insert(sizes.end(), choice.hidden.begin(), choice.hidden.end());
  sizes.push_back(source.classes());
  return std::make_unique<Perceptron>(sizes, activation_from_string(choice.activation));
}

std::vector<Architecture>& table() {
  const std::vector<std::string> images = image_source_names();
  std::vector<std::string> all{"spirals", "parity", "blobs", "teacher", "recall"};
  all.insert(all.end(), images.begin(), images.end());
  static std::vector<Architecture> rows{
      {"softmax",
       "softmax regression",
       {"blobs", "teacher", "mnist", "fashion-mnist", "cifar-10", "cifar-100"},
       {.hidden = {""}},
       make_softmax},
      {"mlp", "perceptron", all, {.hidden = {"32"}}, make_perceptron},
      {"mlp20",
       "perceptron with 20 sigmoid units (Andrychowicz et al. 2016)",
       {"mnist"},
       {.hidden = {"20"}, .activation = {"sigmoid"}, .init = {"normal"}},
       make_perceptron},
  };
  return rows;
}

}  // namespace

void add_architectures(const std::vector<Architecture>& architectures) {
  for (const Architecture& added : architectures) {
    const bool known = std::any_of(table().begin(), table().end(), [&](const auto& row) { return row.name == added.name; });
    if (!known) table().push_back(added);
  }
}

std::vector<std::string> classifier_family_names() {
  std::vector<std::string> out;
  for (const Architecture& row : table()) {
    for (const std::string& data : row.data) out.push_back(row.name + "-" + data);
  }
  return out;
}

std::shared_ptr<const Family> classifier_family(std::string_view name) {
  const auto colon = name.find(':');
  const std::string_view base = name.substr(0, colon);
  const std::string_view axes = colon == name.npos ? "" : name.substr(colon + 1);
  for (const Architecture& row : table()) {
    for (const std::string& data : row.data) {
      if (base != row.name + "-" + data) continue;
      try {
        return std::make_shared<ClassifierFamily>(row, data, axes.empty() ? base : name, axes);
      } catch (const std::invalid_argument& error) {
        throw std::invalid_argument("problem '" + std::string(name) + "': " + error.what());
      }
    }
  }
  return nullptr;
}

}  // namespace scout
