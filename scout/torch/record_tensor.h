// Records as tensors, which an archive of LibTorch takes.
#pragma once

#include <ATen/core/Tensor.h>

#include "scout/policy/weight/guard.h"
#include "scout/policy/weight/weight_rule.h"

namespace scout {

/// The scalars of a record in float64, which is exact for its integers.
at::Tensor pack(const TensorRecord& record);
at::Tensor pack(const RunRecord& record);
at::Tensor pack(const GuardRecord& record);
/// The inverse of `pack`. Throws std::runtime_error if the tensor is none of such a record.
void unpack(const at::Tensor& tensor, TensorRecord& record);
void unpack(const at::Tensor& tensor, RunRecord& record);
void unpack(const at::Tensor& tensor, GuardRecord& record);

}  // namespace scout
