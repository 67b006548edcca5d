// Probes: points that fill the box, from the best of which descents start.
#include <algorithm>
#include <cmath>

#include "scout/policy/control/primitive.h"

namespace scout {
namespace {

constexpr std::size_t kMostProbes = 500;

class Probes final : public Primitive {
 public:
  explicit Probes(bool gradients) : gradients_(gradients) {}

  Question ask(Workspace& shared) override {
    if (!asked_) {
      point_.resize(shared.memory.dimension());
      shared.sequence.next(point_, shared.random);
      asked_ = true;
    }
    return {point_, gradients_};
  }

  void tell(Workspace& shared, const Answer& answer) override {
    asked_ = false;
    if (!std::isfinite(answer.value)) return;
    shared.memory.explored(point_, answer.value);
    if (shared.probes.size() < kMostProbes) shared.probes.push_back({answer.value, point_});
  }

  PrimitiveState state(const Workspace&) const override { return {}; }

  void save(ArchiveWriter& archive) const override { archive(asked_, point_); }
  void restore(ArchiveReader& archive, const Workspace&) override { archive(asked_, point_); }

 private:
  bool gradients_;
  bool asked_ = false;
  std::vector<double> point_;
};

}  // namespace

std::unique_ptr<Primitive> gradient_probes() { return std::make_unique<Probes>(true); }
std::unique_ptr<Primitive> value_probes() { return std::make_unique<Probes>(false); }

}  // namespace scout
