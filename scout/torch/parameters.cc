#include "scout/torch/parameters.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <unordered_set>

namespace scout {
namespace {

[[noreturn]] void refuse(std::size_t parameter, std::size_t group, const std::string& what) {
  throw std::invalid_argument("LearnedOptimizer: " + place_of(parameter, group) + " " + what);
}

/// Calls visit(parameter, p, g) with every parameter that is there, once. Throws if one is in two groups.
template <class Visitor>
void for_each(const ParameterGroups& groups, const Visitor& visit) {
  std::unordered_map<const c10::TensorImpl*, std::size_t> group_of;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t p = 0; p < groups[g].params().size(); ++p) {
      const at::Tensor& parameter = groups[g].params()[p];
      if (!parameter.defined()) continue;
      const auto [seen, first] = group_of.emplace(parameter.unsafeGetTensorImpl(), g);
      if (seen->second != g) refuse(p, g, "is in group " + std::to_string(seen->second) + " too: must be in one");
      if (first) visit(parameter, p, g);
    }
  }
}

/// Where each weight lies, in order.
std::vector<const std::byte*> addresses(const at::Tensor& weight) {
  std::vector<const std::byte*> out{static_cast<const std::byte*>(weight.data_ptr())};
  for (std::int64_t d = 0; d < weight.dim(); ++d) {
    const std::size_t before = out.size();
    for (std::int64_t i = 1; i < weight.size(d); ++i) {
      const std::int64_t distance = i * weight.stride(d) * static_cast<std::int64_t>(weight.element_size());
      for (std::size_t k = 0; k < before; ++k) out.push_back(out[k] + distance);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// Behind the last of them.
const std::byte* end_of(const at::Tensor& weight) {
  std::int64_t last = 0;
  for (std::int64_t d = 0; d < weight.dim(); ++d) last += (weight.size(d) - 1) * weight.stride(d);
  return static_cast<const std::byte*>(weight.data_ptr()) + (last + 1) * static_cast<std::int64_t>(weight.element_size());
}

/// Whether two weights of the tensor, which is not empty, lie in the same place.
bool repeats_itself(const at::Tensor& weight) {
  if (weight.is_non_overlapping_and_dense()) return false;
  std::vector<std::pair<std::int64_t, std::int64_t>> axes;  // stride, size
  for (std::int64_t d = 0; d < weight.dim(); ++d) {
    if (weight.size(d) > 1) axes.emplace_back(weight.stride(d), weight.size(d));
  }
  std::sort(axes.begin(), axes.end());
  std::int64_t last = 0;
  bool apart = true;  // each axis steps over all that the ones before reach
  for (const auto& [stride, size] : axes) {
    apart = apart && stride > last;
    last += (size - 1) * stride;
  }
  if (apart) return false;
  const auto places = addresses(weight);
  return std::adjacent_find(places.begin(), places.end()) != places.end();
}

/// Whether two tensors, not empty, whose extents do, share a weight.
bool overlap(const at::Tensor& one, const at::Tensor& other) {
  if (one.element_size() != other.element_size()) return true;
  if (one.is_non_overlapping_and_dense() && other.is_non_overlapping_and_dense()) return true;
  const auto first = addresses(one), second = addresses(other);
  for (std::size_t i = 0, j = 0; i < first.size() && j < second.size(); first[i] < second[j] ? ++i : ++j) {
    if (first[i] == second[j]) return true;
  }
  return false;
}

void check(const at::Tensor& weight, std::size_t p, std::size_t g) {
  const at::Tensor& gradient = weight.grad();
  if (gradient.layout() != at::kStrided || weight.layout() != at::kStrided) {
    refuse(p, g,
           "has a sparse gradient: must be dense; call to_dense() on it, or train the parameter with "
           "torch::optim::SparseAdam");
  }
  const at::ScalarType type = weight.scalar_type();
  if (type != at::kFloat && type != at::kDouble && type != at::kBFloat16) {
    refuse(p, g, std::string("is of type ") + c10::toString(type) + ": must be float32, float64 or bfloat16");
  }
  if (gradient.sizes() != weight.sizes()) {
    refuse(
        p, g,
        "has a gradient " + kind_of(gradient.sizes(), gradient.scalar_type()) + ", and is " + kind_of(weight.sizes(), type));
  }
  if (repeats_itself(weight)) refuse(p, g, "repeats its weights: must have each once; clone() it");
}

/// An update and the memory that its weights lie in.
struct Extent {
  const std::byte* begin;
  const std::byte* end;
  std::size_t update, parameter, group;
};

/// Makes one of updates that share their weights, and drops the others.
void merge_shared(std::vector<TensorUpdate>& updates, std::vector<Extent> extents) {
  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) { return std::pair(a.begin, a.update) < std::pair(b.begin, b.update); });
  std::unordered_set<std::size_t> dropped;
  std::vector<const Extent*> open;  // those that may reach the next
  for (const Extent& other : extents) {
    std::erase_if(open, [&](const Extent* one) { return one->end <= other.begin; });
    TensorUpdate& update = updates[other.update];
    bool merged = false;
    for (const Extent* one : open) {
      TensorUpdate& kept = updates[one->update];
      const bool same = one->begin == other.begin && kept.weight.sizes() == update.weight.sizes() &&
                        kept.weight.strides() == update.weight.strides() &&
                        kept.weight.scalar_type() == update.weight.scalar_type() && one->group == other.group;
      if (same) {
        kept.gradient = kept.gradient + update.gradient;
        dropped.insert(other.update);
        merged = true;
      } else if (overlap(kept.weight, update.weight)) {
        refuse(other.parameter, other.group,
               "shares weights with " + place_of(one->parameter, one->group) +
                   ": must share all of them, in one group, or none");
      }
    }
    if (!merged) open.push_back(&other);
  }
  if (dropped.empty()) return;
  std::vector<TensorUpdate> left;
  for (std::size_t k = 0; k < updates.size(); ++k) {
    if (!dropped.contains(k)) left.push_back(std::move(updates[k]));
  }
  updates = std::move(left);
}

}  // namespace

ParameterState* ParameterStates::find(const at::Tensor& parameter) {
  const auto found = states_.find(parameter.unsafeGetTensorImpl());
  return found != states_.end() ? &found->second : nullptr;
}
const ParameterState* ParameterStates::find(const at::Tensor& parameter) const {
  return const_cast<ParameterStates*>(this)->find(parameter);
}

ParameterState& ParameterStates::try_emplace(const at::Tensor& parameter) {
  return states_.try_emplace(parameter.unsafeGetTensorImpl(), parameter).first->second;
}

void ParameterStates::keep_only(const ParameterGroups& groups) {
  std::unordered_set<const c10::TensorImpl*> present;
  for (const auto& group : groups) {
    for (const at::Tensor& parameter : group.params()) present.insert(parameter.unsafeGetTensorImpl());
  }
  std::erase_if(states_, [&](const auto& entry) { return !present.contains(entry.first); });
}

std::vector<TensorUpdate> gather(const ParameterGroups& groups, const ParameterStates& states) {
  std::vector<TensorUpdate> updates;
  std::vector<Extent> extents;
  for_each(groups, [&](const at::Tensor& weight, std::size_t p, std::size_t g) {
    const ParameterState* state = states.find(weight);
    if (state != nullptr && (weight.sizes() != at::IntArrayRef(state->shape) || weight.scalar_type() != state->type)) {
      refuse(p, g,
             "was " + kind_of(state->shape, state->type) + " and is now " + kind_of(weight.sizes(), weight.scalar_type()) +
                 ": put a new tensor in its place, which begins with new state");
    }
    if (!trained(weight) || !weight.grad().defined() || weight.numel() == 0) return;
    check(weight, p, g);
    TensorUpdate update;
    update.weight = weight;
    update.gradient = weight.grad().detach().to(weight.options());
    update.shape = {weight.numel(), static_cast<int>(weight.dim()), weight.dim() > 0 ? weight.size(0) : 1};
    update.group = g;
    extents.push_back({static_cast<const std::byte*>(weight.data_ptr()), end_of(weight), updates.size(), p, g});
    updates.push_back(std::move(update));
  });
  merge_shared(updates, std::move(extents));
  return updates;
}

void check_groups(const ParameterGroups& groups) {
  for_each(groups, [](const at::Tensor&, std::size_t, std::size_t) {});
}

std::string place_of(std::size_t parameter, std::size_t group) {
  return "parameter " + std::to_string(parameter) + " of group " + std::to_string(group);
}

std::string kind_of(at::IntArrayRef shape, at::ScalarType type) {
  std::ostringstream out;
  out << "of shape " << shape << " and type " << c10::toString(type);
  return out.str();
}

std::uint64_t fingerprint(const at::Tensor& weights) {
  if (!weights.defined() || weights.numel() == 0) return 0;
  const at::Tensor flat = weights.detach().reshape({-1}).to(at::kFloat).contiguous();
  if (flat.is_cpu()) return fingerprint(flat.data_ptr<float>(), static_cast<std::size_t>(flat.numel()), 0);
  constexpr std::int64_t kChunk = 1 << 20, kLow32 = 0xffffffff;
  at::Tensor sum = at::zeros({}, flat.options().dtype(at::kLong));
  for (std::int64_t first = 0; first < flat.numel(); first += kChunk) {
    const std::int64_t last = std::min(first + kChunk, flat.numel());
    const at::Tensor bits = flat.slice(0, first, last).view(at::kInt).to(at::kLong).bitwise_and(kLow32);
    sum += (bits * (at::arange(first, last, bits.options()) * 2 + 1).bitwise_and(kLow32)).sum();
  }
  return static_cast<std::uint64_t>(sum.item<std::int64_t>());
}

}  // namespace scout
