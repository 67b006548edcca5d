// What one core can do, for shares of it.
#pragma once

namespace scout::benchmark {

/// Seconds on the wall clock, or of CPU time of the calling thread.
double now(bool wall_clock);
/// Fused multiply-adds of floats a second of CPU time, in a plain loop over registers with the widest vectors of this
/// machine.
double multiply_adds_per_second();
/// Bytes a second of CPU time of a = b + s·c (STREAM's triad) over arrays of 128 MiB in all, counting two reads and one
/// write.
double bytes_per_second();

}  // namespace scout::benchmark
