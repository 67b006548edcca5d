// What LearnedOptimizer saves, field by field: an input replaces some fields of a state that is right.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <torch/serialize.h>

#include <array>
#include <cstring>
#include <sstream>

#include "fuzz/target.h"
#include "scout/policy/test_policy.h"
#include "scout/torch/learned_optimizer.h"

namespace scout::fuzz {
namespace {

using Options = LearnedOptimizerOptions;
using torch::serialize::InputArchive;
using torch::serialize::OutputArchive;

struct Field {
  const char* name;
  bool of_group;
  enum Kind { whole, real, tensor } kind;
};
constexpr std::array kFields{Field{"scout_format", false, Field::whole},
                             Field{"policy", false, Field::whole},
                             Field{"groups", false, Field::whole},
                             Field{"clip_norm", false, Field::real},
                             Field{"lr", true, Field::real},
                             Field{"weight_decay", true, Field::real},
                             Field{"training", false, Field::tensor},
                             Field{"parameters", true, Field::tensor},
                             Field{"record0", true, Field::tensor},
                             Field{"numbers0", true, Field::tensor},
                             Field{"held0", true, Field::tensor},
                             Field{"record1", true, Field::tensor},
                             Field{"numbers1", true, Field::tensor},
                             Field{"held1", true, Field::tensor},
                             Field{"buffer0", false, Field::tensor}};
using Values = std::array<c10::IValue, kFields.size()>;

std::shared_ptr<const Policy> adam() {
  static const auto policy = untrained({.rule = "adam", .step_scale = 1e-2}, 30);
  return policy;
}

struct Training {
  std::vector<at::Tensor> parameters, buffers;
  LearnedOptimizer optimizer;

  explicit Training(bool learned)
      : parameters{weights({2, 3}, at::kFloat), weights({3}, at::kBFloat16)},
        buffers{at::ones({2})},
        optimizer(parameters, learned ? Options().threads(1) : Options().threads(1).policy(adam())) {
    optimizer.watch_buffers(buffers);
  }
  static at::Tensor weights(at::IntArrayRef shape, at::ScalarType type) {
    return at::linspace(-1, 1, c10::multiply_integers(shape)).reshape(shape).to(type).set_requires_grad(true);
  }
  void step() {
    for (at::Tensor& p : parameters) p.mutable_grad() = at::ones_like(p).detach();
    optimizer.step([] { return at::scalar_tensor(0.5, at::kDouble); });
  }
};

std::string saved(const LearnedOptimizer& optimizer) {
  std::stringstream file;
  torch::save(optimizer, file);
  return file.str();
}

Values values_of(const std::string& file) {
  std::stringstream stream(file);
  InputArchive archive, group, options;
  archive.load_from(stream);
  archive.read("group0", group);
  group.read("options", options);
  Values out;
  for (std::size_t f = 0; f < kFields.size(); ++f) {
    const Field& field = kFields[f];
    InputArchive& from = field.kind == Field::real && field.of_group ? options : field.of_group ? group : archive;
    if (field.kind == Field::tensor) {
      at::Tensor value;
      if (from.try_read(field.name, value)) out[f] = value;
    } else {
      from.read(field.name, out[f]);
    }
  }
  return out;
}

std::string file_of(const Values& values) {
  OutputArchive archive;
  OutputArchive group(archive.compilation_unit()), options(archive.compilation_unit());
  for (std::size_t f = 0; f < kFields.size(); ++f) {
    const Field& field = kFields[f];
    OutputArchive& to = field.kind == Field::real && field.of_group ? options : field.of_group ? group : archive;
    if (values[f].isNone()) continue;
    if (values[f].isTensor()) {
      to.write(field.name, values[f].toTensor());
    } else {
      to.write(field.name, values[f]);
    }
  }
  group.write("options", options);
  archive.write("group0", group);
  std::stringstream stream;
  archive.save_to(stream);
  return stream.str();
}

std::string bytes_of(const c10::IValue& value) {
  if (!value.isTensor()) return "";
  const at::Tensor flat = value.toTensor().contiguous();
  return {static_cast<const char*>(flat.data_ptr()), flat.nbytes()};
}

/// A tensor of the same type with these bytes, and of the same shape if they are as many.
at::Tensor tensor_of(Input bytes, const at::Tensor& like, std::uint8_t change) {
  if (change % 8 == 1) return like.to(at::kDouble);
  if (change % 8 == 2) return like.reshape({-1});
  if (change % 8 == 3) return like.narrow(0, 0, like.size(0) / 2);
  const auto count = static_cast<std::int64_t>(bytes.size() / like.element_size());
  at::Tensor out = at::empty({count}, like.options());
  if (count > 0) std::memcpy(out.data_ptr(), bytes.data(), out.nbytes());
  return count == like.numel() ? out.reshape(like.sizes()) : out;
}

struct Base {
  std::string file;
  Values values;
};
const Base& base(bool learned) {
  static const auto make = [](bool of_network) {
    Training training(of_network);
    for (int t = 0; t < 3; ++t) training.step();
    const std::string file = saved(training.optimizer);
    return Base{file, values_of(file)};
  };
  static const Base bases[2]{make(false), make(true)};
  return bases[learned ? 1 : 0];
}

bool finite(const at::Tensor& tensor) { return tensor.detach().isfinite().all().item<bool>(); }

}  // namespace

// The first byte: which policy. Then fields: number, change, length, bytes.
std::vector<std::string> seeds() {
  std::vector<std::string> out;
  for (const bool learned : {false, true}) {
    const Values& values = base(learned).values;
    for (std::size_t f = 0; f < kFields.size(); ++f) {
      std::string bytes = bytes_of(values[f]);
      if (kFields[f].kind != Field::tensor) bytes = std::string(8, '\0');
      const auto size = static_cast<std::uint16_t>(bytes.size());
      out.push_back(std::string{learned ? '\1' : '\0', static_cast<char>(f), '\0', static_cast<char>(size & 0xff),
                                static_cast<char>(size >> 8)} +
                    bytes);
    }
  }
  return out;
}

void run(Input input) {
  static const bool once = (at::set_num_threads(1), true);
  Pieces pieces(input);
  const bool learned = once && pieces.below(2) == 1;
  Values values = base(learned).values;
  while (!pieces.empty()) {
    const std::size_t f = pieces.below(kFields.size());
    const std::uint8_t change = pieces.byte();
    const std::size_t low = pieces.byte();
    const Input bytes = pieces.bytes(low + 256 * pieces.below(32));
    std::array<char, 8> number{};
    std::copy_n(bytes.begin(), std::min<std::size_t>(bytes.size(), 8), number.begin());
    if (change % 8 == 7) {
      values[f] = c10::IValue();
    } else if (kFields[f].kind == Field::whole) {
      std::int64_t value = 0;
      std::memcpy(&value, number.data(), 8);
      values[f] = value;
    } else if (kFields[f].kind == Field::real) {
      double value = 0;
      std::memcpy(&value, number.data(), 8);
      values[f] = value;
    } else if (values[f].isTensor()) {
      values[f] = tensor_of(bytes, base(learned).values[f].toTensor(), change);
    }
  }
  const std::string file = file_of(values);
  Training training(learned);
  const std::string before = saved(training.optimizer);
  const bool taken = takes([&] {
    std::stringstream stream(file);
    torch::load(training.optimizer, stream);
  });
  const std::string after = saved(training.optimizer);
  if (!taken) {
    expect(after == before, "it refused the state and changed the optimizer");
    return;
  }
  Training twin(learned);
  std::stringstream stream(after);
  torch::load(twin.optimizer, stream);
  expect(saved(twin.optimizer) == after, "saved and loaded it is another state");
  expect(training.optimizer.steps() >= 0 && training.optimizer.non_finite_gradients() >= 0, "counts below 0");
  for (int t = 0; t < 3; ++t) training.step(), twin.step();
  for (std::size_t p = 0; p < training.parameters.size(); ++p) {
    const at::Tensor &one = training.parameters[p], &other = twin.parameters[p];
    expect(finite(one), "weights are not finite after finite gradients");
    expect(one.equal(other), "saved and loaded it goes on otherwise");
  }
}

}  // namespace scout::fuzz
