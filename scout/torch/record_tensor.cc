#include "scout/torch/record_tensor.h"

#include <ATen/Functions.h>

#include <stdexcept>
#include <type_traits>
#include <vector>

namespace scout {
namespace {

/// Visits the scalars of a record; integers are exact as doubles.
template <class Record, class Visitor>
requires std::is_same_v<std::remove_const_t<Record>, TensorRecord>
void visit(Record& r, Visitor&& v) {
  v(r.step), v(r.unit), v(r.square_mean), v(r.least_scale), v(r.first_scale), v(r.update_square), v(r.momentum_square);
}
template <class Record, class Visitor>
requires std::is_same_v<std::remove_const_t<Record>, RunRecord>
void visit(Record& r, Visitor&& v) {
  v(r.step), v(r.first_rms), v(r.losses), v(r.loss_given), v(r.fast_loss), v(r.slow_loss), v(r.loss_variance),
      v(r.best_loss), v(r.worst_loss);
}
template <class Record, class Visitor>
requires std::is_same_v<std::remove_const_t<Record>, GuardRecord>
void visit(Record& r, Visitor&& v) {
  v(r.step), v(r.losses), v(r.fresh), v(r.first_loss), v(r.start_loss), v(r.fast_loss), v(r.best_loss), v(r.loss_spread);
  v(r.first_theta_square), v(r.gradient_size), v(r.gradient_seen), v(r.alarm), v(r.incurable);
  v(r.momentum_square), v(r.gradient_square), v(r.block_losses), v(r.block_sum), v(r.record_known), v(r.record);
  v(r.still), v(r.patience), v(r.fallback), v(r.trial), v(r.left), v(r.length), v(r.good_steps), v(r.fallback_rate);
  v(r.until_hold), v(r.report.non_finite), v(r.report.loss_rose), v(r.report.weights_grew), v(r.report.stalled);
  v(r.report.stalls_ended), v(r.report.restored), v(r.report.fallback_steps), v(r.report.ignored);
}

template <class Record>
at::Tensor packed(const Record& record) {
  std::vector<double> values;
  visit(record, [&](auto x) { values.push_back(static_cast<double>(x)); });
  return at::tensor(values, at::kDouble);
}

template <class Record>
void unpacked(const at::Tensor& tensor, Record& record) {
  std::int64_t count = 0;
  visit(record, [&](auto) { ++count; });
  if (!tensor.defined() || tensor.scalar_type() != at::kDouble || tensor.numel() != count)
    throw std::runtime_error("a record is damaged");
  const double* value = tensor.data_ptr<double>();
  visit(record, [&](auto& x) { x = static_cast<std::remove_reference_t<decltype(x)>>(*value++); });
}

}  // namespace

at::Tensor pack(const TensorRecord& record) { return packed(record); }
at::Tensor pack(const RunRecord& record) { return packed(record); }
at::Tensor pack(const GuardRecord& record) { return packed(record); }
void unpack(const at::Tensor& tensor, TensorRecord& record) { unpacked(tensor, record); }
void unpack(const at::Tensor& tensor, RunRecord& record) { unpacked(tensor, record); }
void unpack(const at::Tensor& tensor, GuardRecord& record) { unpacked(tensor, record); }

}  // namespace scout
