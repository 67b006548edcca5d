#include "scout/baseline/torch_threads.h"

#include <ATen/Parallel.h>

namespace scout::baseline {

void use_one_torch_thread() { [[maybe_unused]] thread_local const bool once = (at::set_num_threads(1), true); }

}  // namespace scout::baseline
