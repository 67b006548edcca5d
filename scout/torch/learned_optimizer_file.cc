// How a LearnedOptimizer is written to a file and read back.
#include <ATen/Functions.h>
#include <torch/serialize/archive.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "scout/torch/learned_optimizer_state.h"

namespace scout {
namespace {

constexpr std::int64_t kFormatVersion = 6;

/// Not defined if there is none. Always a new one: an archive writes into the storage of what it is given.
at::Tensor read_tensor(torch::serialize::InputArchive& archive, const std::string& key) {
  at::Tensor out;
  archive.try_read(key, out);
  return out;
}

template <class Record>
at::Tensor pack(const Record& record) {
  ArchiveWriter writer;
  if constexpr (requires { record.save(writer); }) {
    record.save(writer);
  } else {
    writer(record);
  }
  Bytes bytes = writer.take();
  return at::from_blob(bytes.data(), {static_cast<std::int64_t>(bytes.size())}, at::kByte).clone();
}

/// The inverse. Throws std::runtime_error if the tensor is none of such a record.
template <class Record>
void unpack(at::Tensor tensor, Record& record) {
  if (!tensor.defined() || tensor.scalar_type() != at::kByte) throw std::runtime_error("a record is damaged");
  tensor = tensor.to(at::kCPU).contiguous();
  ArchiveReader reader({static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes()}, "record");
  if constexpr (requires { record.restore(reader); }) {
    record.restore(reader);
  } else {
    reader(record);
  }
  reader.finish();
}

/// What is said of the parameters of a group, in order. Undefined ones are of no shape and type -1.
struct GroupRecord {
  std::vector<std::vector<std::int64_t>> shapes;
  std::vector<std::int64_t> types;
  std::vector<std::uint64_t> first;         ///< where the same parameter stands first
  std::vector<std::uint64_t> fingerprints;  ///< of the weights

  explicit GroupRecord(const std::vector<at::Tensor>& parameters = {}) {
    std::map<const c10::TensorImpl*, std::uint64_t> places;
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      const at::Tensor& weight = parameters[p];
      shapes.push_back(weight.defined() ? weight.sizes().vec() : std::vector<std::int64_t>());
      types.push_back(weight.defined() ? static_cast<std::int64_t>(weight.scalar_type()) : -1);
      first.push_back(weight.defined() ? places.emplace(weight.unsafeGetTensorImpl(), p).first->second : p);
      fingerprints.push_back(fingerprint(weight));
    }
  }
  template <class Archive>
  void visit(Archive& a) {
    a(shapes, types, first, fingerprints);
  }
};

/// Of a parameter, but for its tensors.
struct ParameterRecord {
  TensorRecord record{};
  bool known = false;
  std::uint64_t left = 0, left_at_hold = 0;

  template <class Archive>
  void visit(Archive& a) {
    a(record, known, left, left_at_hold);
  }
};

[[noreturn]] void refuse(const std::string& what) { throw std::runtime_error("LearnedOptimizer: the saved state " + what); }

/// Throws std::runtime_error if the options are out of range.
void check_saved(const LearnedOptimizerOptions& options) {
  try {
    checked(options);
  } catch (const std::invalid_argument& error) {
    refuse(std::string("is damaged: ") + error.what());
  }
}

/// Whether the weights are those that were saved, and stand in another order.
bool reordered(std::vector<std::uint64_t> saved, std::vector<std::uint64_t> now) {
  if (saved == now) return false;
  std::sort(saved.begin(), saved.end());
  std::sort(now.begin(), now.end());
  return saved == now;
}

void check_parameters(const GroupRecord& saved, const GroupRecord& now, std::size_t g) {
  if (saved.shapes.size() != now.shapes.size()) {
    refuse("has " + std::to_string(saved.shapes.size()) + " parameters in group " + std::to_string(g) +
           ": this optimizer has " + std::to_string(now.shapes.size()));
  }
  for (const std::size_t size : {saved.types.size(), saved.first.size(), saved.fingerprints.size()}) {
    if (size != saved.shapes.size()) refuse("is damaged");
  }
  const auto kind = [](const GroupRecord& group, std::size_t p) {
    return group.types[p] < 0 ? std::string("undefined")
                              : kind_of(group.shapes[p], static_cast<at::ScalarType>(group.types[p]));
  };
  for (std::size_t p = 0; p < now.shapes.size(); ++p) {
    if (saved.shapes[p] != now.shapes[p] || saved.types[p] != now.types[p]) {
      refuse("does not fit " + place_of(p, g) + ", which is " + kind(now, p) + ": the saved one is " + kind(saved, p));
    }
    if (saved.first[p] != now.first[p]) refuse("does not fit " + place_of(p, g) + ": other parameters of it are the same");
  }
}

/// Fingerprints of the weights of all groups.
struct Fingerprints {
  std::vector<std::uint64_t> saved{}, now{};

  void add(const GroupRecord& saved_group, const GroupRecord& group) {
    saved.insert(saved.end(), saved_group.fingerprints.begin(), saved_group.fingerprints.end());
    now.insert(now.end(), group.fingerprints.begin(), group.fingerprints.end());
  }
};

}  // namespace

void LearnedOptimizer::save(torch::serialize::OutputArchive& archive) const {
  const State& state = *state_of_run_;
  const WithoutLostThreads threads(state.process);
  archive.write("scout_format", c10::IValue(kFormatVersion));
  archive.write("policy", c10::IValue(static_cast<std::int64_t>(state.policy->checksum())));
  const auto& own = static_cast<const LearnedOptimizerOptions&>(defaults());
  GuardedStep training = state.training;
  if (own.horizon() != training.horizon()) training.set_horizon(own.horizon());  // as the next step would
  archive.write("training", pack(training));
  archive.write("clip_norm", c10::IValue(own.clip_norm()));
  archive.write("groups", c10::IValue(static_cast<std::int64_t>(param_groups().size())));
  for (std::size_t g = 0; g < param_groups().size(); ++g) {
    const auto& group = param_groups()[g];
    torch::serialize::OutputArchive group_archive(archive.compilation_unit());
    torch::serialize::OutputArchive options(archive.compilation_unit());
    options_of(group).serialize(options);
    group_archive.write("options", options);
    const GroupRecord record(group.params());
    group_archive.write("parameters", pack(record));
    for (std::size_t p = 0; p < group.params().size(); ++p) {
      const ParameterState* parameter = state.parameters.find(group.params()[p]);
      if (parameter == nullptr || !parameter->numbers.defined() || record.first[p] != p) continue;
      const std::string number = std::to_string(p);
      group_archive.write("record" + number, pack(ParameterRecord{parameter->record, parameter->known, parameter->left,
                                                                  parameter->left_at_hold}));
      group_archive.write("numbers" + number, parameter->numbers.clone());
      if (parameter->held.defined()) group_archive.write("held" + number, parameter->held.clone());
    }
    archive.write("group" + std::to_string(g), group_archive);
  }
  const std::vector<WatchedBuffers::Buffer>& buffers = state.buffers.all();
  for (std::size_t k = 0; k < buffers.size(); ++k) {
    if (buffers[k].held.defined()) archive.write("buffer" + std::to_string(k), buffers[k].held.clone());
  }
  archive.write("buffers_left", pack(state.buffers.left()));
}

void LearnedOptimizer::load(torch::serialize::InputArchive& archive) {
  State& state = *state_of_run_;
  const WithoutLostThreads threads(state.process);
  c10::IValue value;
  if (!archive.try_read("scout_format", value)) refuse("is not one of LearnedOptimizer's");
  if (value.toInt() != kFormatVersion) {
    refuse("has format " + std::to_string(value.toInt()) + ": this program reads format " + std::to_string(kFormatVersion));
  }
  archive.read("policy", value);
  if (value.toInt() != static_cast<std::int64_t>(state.policy->checksum()))
    refuse("belongs to another policy: give the optimizer the one it was saved with");
  archive.read("groups", value);
  if (value.toInt() != static_cast<std::int64_t>(param_groups().size())) {
    refuse("has " + std::to_string(value.toInt()) + " parameter groups: this optimizer has " +
           std::to_string(param_groups().size()));
  }
  archive.read("clip_norm", value);
  const double clip_norm = value.toDouble();
  GuardedStep training = state.training;
  unpack(read_tensor(archive, "training"), training);
  LearnedOptimizerOptions own = static_cast<const LearnedOptimizerOptions&>(defaults());
  own.horizon(training.horizon()).clip_norm(clip_norm);
  check_saved(own);
  std::vector<LearnedOptimizerOptions> options;
  ParameterStates parameters;
  Fingerprints all;
  for (std::size_t g = 0; g < param_groups().size(); ++g) {
    auto& group = param_groups()[g];
    torch::serialize::InputArchive group_archive;
    torch::serialize::InputArchive options_archive;
    archive.read("group" + std::to_string(g), group_archive);
    group_archive.read("options", options_archive);
    options.push_back(options_of(group));
    options.back().serialize(options_archive);
    check_saved(options.back());
    GroupRecord saved;
    unpack(read_tensor(group_archive, "parameters"), saved);
    const GroupRecord now(group.params());
    check_parameters(saved, now, g);
    if (reordered(saved.fingerprints, now.fingerprints)) {
      refuse("has the parameters of group " + std::to_string(g) + " in another order: give them as they were saved");
    }
    all.add(saved, now);
    for (std::size_t p = 0; p < group.params().size(); ++p) {
      const std::string number = std::to_string(p);
      const at::Tensor& weight = group.params()[p];
      const at::Tensor packed = read_tensor(group_archive, "record" + number);
      if (!packed.defined()) continue;
      ParameterRecord record;
      unpack(packed, record);
      if (record.record.step < 0 || record.record.step > training.steps()) refuse("is damaged");
      const at::Tensor numbers = read_tensor(group_archive, "numbers" + number);
      const bool fits = weight.defined() && numbers.defined() && numbers.scalar_type() == state.numbers_type() &&
                        numbers.sizes() == at::IntArrayRef({state.layout.per_weight, weight.numel()}) &&
                        static_cast<int>(record.record.own.size()) == state.layout.per_tensor;
      if (!fits) refuse("is damaged");
      ParameterState& parameter = parameters.of(weight);
      parameter.record = std::move(record.record);
      parameter.known = record.known;
      parameter.left = record.left;
      parameter.left_at_hold = record.left_at_hold;
      parameter.plan = training.stepper().new_plan();
      parameter.numbers = numbers.contiguous().clone();
      const at::Tensor held = read_tensor(group_archive, "held" + number);
      if (!state.training.guarded() || !held.defined()) continue;
      if (held.sizes() != weight.sizes()) refuse("is damaged");
      parameter.held = held.to(weight.options()).clone();
    }
  }
  if (reordered(all.saved, all.now)) {
    refuse("has the same parameters in other groups: give them, and the groups, as they were saved");
  }
  BuffersLeft left;
  unpack(read_tensor(archive, "buffers_left"), left);
  std::vector<at::Tensor> held;
  for (std::size_t k = 0; k < state.buffers.all().size(); ++k) {
    held.push_back(read_tensor(archive, "buffer" + std::to_string(k)));
  }
  WatchedBuffers buffers = state.buffers.with(left, held);
  for (std::size_t g = 0; g < options.size(); ++g) {
    static_cast<LearnedOptimizerOptions&>(param_groups()[g].options()) = options[g];
  }
  static_cast<LearnedOptimizerOptions&>(defaults()) = own;
  state.buffers = std::move(buffers);
  state.training = std::move(training);
  state.training.report().buffers = static_cast<std::int64_t>(state.buffers.all().size());
  state.parameters = std::move(parameters);
}

}  // namespace scout
