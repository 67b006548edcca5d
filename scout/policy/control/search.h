// Searches: methods that say where f is to be evaluated next, and are told what was found. A controller advances several of
// them in turns (control_run.h), so each keeps all that it needs to go on, and none calls f itself.
#pragma once

#include <span>

namespace scout {

/// What a search wants to know.
struct Question {
  std::span<const double> point;  ///< [M]; valid until the answer
  bool gradient = false;          ///< whether ∇f is wanted beside f
};

struct Answer {
  double value = 0;                    ///< f; infinite where it cannot be evaluated
  std::span<const double> gradient{};  ///< ∇f [M]; all finite; empty where it was not asked for or is not finite
};

class Search {
 public:
  virtual ~Search() = default;
  /// The same until the answer. Only while the search is not over.
  virtual Question ask() const = 0;
  virtual void tell(const Answer& answer) = 0;
  /// Whether nothing is to be gained by going on.
  virtual bool over() const = 0;
};

}  // namespace scout
