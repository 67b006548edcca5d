// Primitives: what a controller has at its command. Each goes on for as long as it is asked to, and begins anew by itself.
#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "scout/base/archive.h"
#include "scout/policy/control/search.h"
#include "scout/policy/control/workspace.h"

namespace scout {

/// What a controller sees of a primitive, without units.
struct PrimitiveState {
  bool active = false;
  double lag = 0;       ///< by how much its own point is worse than the run's best, in spreads
  double progress = 0;  ///< of late, in spreads
  double narrow = 0;    ///< log10 of how widely it looks, in widths of the box
  double trouble = 0;   ///< log10 of the condition that it met
};

class Primitive {
 public:
  virtual ~Primitive() = default;
  /// What it wants to know next; it begins anew if it has come to an end. The same until the answer.
  virtual Question ask(Workspace& shared) = 0;
  /// `shared.memory` has taken the answer in already.
  virtual void tell(Workspace& shared, const Answer& answer) = 0;
  virtual PrimitiveState state(const Workspace& shared) const = 0;
  /// The least value of searches that began elsewhere than at the best point.
  virtual double own_best() const { return std::numeric_limits<double>::infinity(); }

  /// Everything that continues it.
  virtual void save(ArchiveWriter& archive) const = 0;
  virtual void restore(ArchiveReader& archive, const Workspace& shared) = 0;
};

// descents.cc
std::unique_ptr<Primitive> descent_from_sequence();
std::unique_ptr<Primitive> descent_from_mixture();
std::unique_ptr<Primitive> descent_from_hop();
std::unique_ptr<Primitive> descent_from_separable();
std::unique_ptr<Primitive> descent_from_quadratic();
// evolutions.cc
std::unique_ptr<Primitive> global_evolution();
std::unique_ptr<Primitive> local_evolution();
// stepping.cc
std::unique_ptr<Primitive> rule_steps();
// probes.cc
std::unique_ptr<Primitive> gradient_probes();
std::unique_ptr<Primitive> value_probes();

struct PrimitiveEntry {
  const char* name;
  std::unique_ptr<Primitive> (*make)();
};

/// In the order of a decision's shares.
const std::vector<PrimitiveEntry>& primitive_table();

}  // namespace scout
