// Tensors that belong to the weights and are no parameters, such as the running statistics of batch norm: copies of them for
// the guard, and what tells those that the training's own passes have written from those that something else has.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace scout {

/// How a step leaves buffers.
struct BuffersLeft {
  std::uint64_t count = 0;        ///< of buffers
  std::uint64_t fingerprint = 0;  ///< of all of them, at the end of the last step
  bool known = false;
  bool found_so = false;            ///< the last closure has found them so: passes do not run outside of closures
  std::int64_t written_at = -1000;  ///< the last step before which something else had written weights

  template <class Archive>
  void visit(Archive& a) {
    a(count, fingerprint, known, found_so, written_at);
  }
};

/// To be called without a graph (at::NoGradGuard).
class WatchedBuffers {
 public:
  struct Buffer {
    at::Tensor tensor;
    at::Tensor held{};  ///< a copy, which is finite; undefined if there is none
  };

  WatchedBuffers() = default;
  /// Undefined ones are left out.
  explicit WatchedBuffers(std::vector<at::Tensor> tensors);

  const std::vector<Buffer>& all() const { return all_; }
  const BuffersLeft& left() const { return left_; }
  /// The same buffers with what was saved of so many: copies [count], undefined where there was none. With their own, if
  /// `left` is of another number of buffers.
  WatchedBuffers with(const BuffersLeft& left, const std::vector<at::Tensor>& held) const;

  /// Copies those that are finite.
  void hold();
  /// Brings the copies back.
  void restore();
  /// Exchanges them with the buffers as they are.
  void exchange();
  struct Mended {
    std::int64_t restored = 0, broken = 0;  ///< buffers that were not finite: brought back; there is no copy
  };
  /// Brings back copies of buffers that are not finite.
  Mended mend();

  /// Before a step, and before its closure: whether something else than the training has written buffers since the last
  /// step. Without a closure they cannot be told from the forward pass's.
  void look(bool closure);
  /// The step is taken: what was written is the caller's, and is held from now on.
  void take_in();
  /// The step is not taken after its closure: what its passes have written is the training's own.
  void keep_track();
  /// Something else has written weights before step number `step`. A new stage has buffers of its own: where it is not known
  /// whether they were written, there is no copy of those that are not finite. Writing may also be routine.
  void weights_were_written(std::int64_t step);
  /// At the end of a step.
  void leave();

 private:
  std::uint64_t fingerprint() const;

  std::vector<Buffer> all_;
  BuffersLeft left_;
  // Of a step that may yet be refused.
  bool looked_at_ = false, told_ = false, as_left_ = false;
  std::uint64_t found_ = 0;          // fingerprint
  std::vector<at::Tensor> written_;  // copies; undefined where they are not finite
};

}  // namespace scout
