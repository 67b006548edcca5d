#include "scout/torch/watched_buffers.h"

#include <ATen/Functions.h>

#include <map>
#include <string>
#include <utility>

#include "scout/base/random.h"
#include "scout/torch/parameters.h"

namespace scout {
namespace {

/// Weights that are written again within so many steps are written by the training, as Guard has it.
constexpr std::int64_t kRoutine = 50;

bool finite(const at::Tensor& tensor) { return tensor.isfinite().all().item<bool>(); }
/// Undefined if it is not finite.
at::Tensor copy_of(const at::Tensor& tensor) { return finite(tensor) ? tensor.detach().clone() : at::Tensor(); }
/// Whether there is something to bring back.
bool fits(const WatchedBuffers::Buffer& buffer) {
  return buffer.held.defined() && buffer.held.sizes() == buffer.tensor.sizes();
}

}  // namespace

WatchedBuffers::WatchedBuffers(std::vector<at::Tensor> tensors) {
  for (at::Tensor& tensor : tensors) {
    if (tensor.defined()) all_.push_back({tensor, copy_of(tensor)});
  }
  left_.count = all_.size();
}

WatchedBuffers WatchedBuffers::with(const BuffersLeft& left, const std::vector<at::Tensor>& held) const {
  WatchedBuffers out;
  out.all_ = all_;
  out.left_ = left.count == all_.size() ? left : left_;
  for (std::size_t k = 0; left.count == all_.size() && k < all_.size(); ++k) {
    const at::Tensor& buffer = all_[k].tensor;
    if (!held[k].defined()) {
      out.all_[k].held = at::Tensor();
    } else if (held[k].sizes() == buffer.sizes()) {
      out.all_[k].held = held[k].to(buffer.options()).clone();
    }
  }
  return out;
}

void WatchedBuffers::hold() {
  for (Buffer& buffer : all_) {
    if (at::Tensor copy = copy_of(buffer.tensor); copy.defined()) buffer.held = std::move(copy);
  }
}

void WatchedBuffers::restore() {
  for (Buffer& buffer : all_) {
    if (fits(buffer)) buffer.tensor.detach().copy_(buffer.held);
  }
}

void WatchedBuffers::exchange() {
  for (Buffer& buffer : all_) {
    if (!fits(buffer)) continue;
    at::Tensor now = copy_of(buffer.tensor);
    buffer.tensor.detach().copy_(buffer.held);
    if (now.defined()) buffer.held = std::move(now);
  }
}

WatchedBuffers::Mended WatchedBuffers::mend() {
  Mended out;
  for (Buffer& buffer : all_) {
    if (finite(buffer.tensor)) continue;
    if (!fits(buffer)) {
      ++out.broken;
      continue;
    }
    buffer.tensor.detach().copy_(buffer.held);
    ++out.restored;
  }
  return out;
}

/// One sum a device: a buffer alone is too small for the time that a sum takes.
std::uint64_t WatchedBuffers::fingerprint() const {
  std::map<std::string, std::vector<at::Tensor>> flat;
  for (const Buffer& buffer : all_) {
    flat[buffer.tensor.device().str()].push_back(buffer.tensor.detach().reshape({-1}).to(at::kFloat));
  }
  Seed out(all_.size());
  for (const auto& [device, tensors] : flat) out = out.derive(scout::fingerprint(at::cat(tensors)));
  return out.value();
}

void WatchedBuffers::look(bool closure) {
  written_.clear();
  looked_at_ = closure && !all_.empty() && left_.known;
  told_ = as_left_ = false;
  if (!looked_at_) return;
  found_ = fingerprint();
  as_left_ = found_ == left_.fingerprint;
  told_ = as_left_ || left_.found_so;
  if (as_left_ || !left_.found_so) return;
  for (const Buffer& buffer : all_) written_.push_back(copy_of(buffer.tensor));
}

void WatchedBuffers::take_in() {
  if (looked_at_) left_.found_so = as_left_;
  for (std::size_t k = 0; k < written_.size(); ++k) {
    if (written_[k].defined()) all_[k].held = std::move(written_[k]);
  }
  written_.clear();
}

void WatchedBuffers::keep_track() {
  if (!looked_at_ || fingerprint() == found_) return;
  take_in();
  leave();
}

void WatchedBuffers::weights_were_written(std::int64_t step) {
  const bool routine = step - left_.written_at < kRoutine;
  for (Buffer& buffer : all_) {
    if (!told_ && !routine && !finite(buffer.tensor)) buffer.held = at::Tensor();
  }
  left_.written_at = step;
}

void WatchedBuffers::leave() {
  if (all_.empty()) return;
  left_.fingerprint = fingerprint();
  left_.known = true;
}

}  // namespace scout
