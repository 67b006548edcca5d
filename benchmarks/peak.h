// What one core can do, for shares of it.
#pragma once

namespace scout::benchmark {

/// Fused multiply-adds of floats a second, in a plain loop over registers with the widest vectors of this machine.
double multiply_adds_per_second();
/// Bytes a second of a = b + s·c (STREAM's triad) over arrays of 128 MiB in all, counting two reads and one write.
double bytes_per_second();

}  // namespace scout::benchmark
