// Evolution strategies: CMA-ES in the whole box, with populations that double from start to start (IPOP: Auger & Hansen
// 2005), and around the best point.
#include <algorithm>
#include <cmath>

#include "scout/policy/control/cma_es_search.h"
#include "scout/policy/control/primitive.h"

namespace scout {
namespace {

constexpr double kFirstDeviation = 0.2, kLaterDeviation = 0.25;
constexpr int kLargestPopulation = 512;
/// The first generations are spread widely enough to show the shape of f.
constexpr int kExploring = 6;

class Evolution final : public Primitive {
 public:
  explicit Evolution(bool local) : local_(local) {}

  Question ask(Workspace& shared) override {
    if (search_.over()) begin(shared);
    return search_.ask();
  }

  void tell(Workspace& shared, const Answer& answer) override {
    if (!local_ && search_.generations() < kExploring) shared.memory.explored(search_.ask().point, answer.value);
    ++calls_;
    search_.tell(answer);
    if (!local_) least_ = std::min(least_, answer.value);
    if (search_.over()) shared.memory.minimum(search_.mean(), search_.best_value(), calls_);
  }

  double own_best() const override { return least_; }

  PrimitiveState state(const Workspace& shared) const override {
    PrimitiveState out;
    out.active = starts_ > 0 && !search_.over();
    if (!out.active) return out;
    const double spread = shared.memory.spread();
    out.lag = (search_.best_value() - shared.memory.best_value()) / spread;
    out.progress = search_.range() / spread;
    out.narrow = std::log10(search_.deviation() + 1e-15);
    out.trouble = std::log10(search_.condition());
    return out;
  }

  void save(ArchiveWriter& archive) const override { archive(search_, starts_, calls_, least_); }
  void restore(ArchiveReader& archive, const Workspace&) override { archive(search_, starts_, calls_, least_); }

 private:
  void begin(Workspace& shared) {
    const std::size_t m = shared.memory.dimension();
    const int usual = CmaEsSearch::usual_population(m);
    std::vector<double> mean(shared.memory.best_point().begin(), shared.memory.best_point().end());
    const Random random(Seed(shared.random.next()));
    calls_ = 0;
    if (local_ && !mean.empty()) {
      for (double& x : mean) x = std::clamp(x, 0.0, 1.0);
      search_.start(mean, std::max(1e-4, shared.radius), usual, random);
    } else if (starts_ == 0) {
      search_.start(shared.first, kFirstDeviation, usual, random);
    } else {
      mean.resize(m);
      for (double& x : mean) x = shared.random.uniform(0.1, 0.9);
      search_.start(mean, kLaterDeviation, std::min(2 * search_.population(), kLargestPopulation), random);
    }
    ++starts_;
  }

  bool local_;
  CmaEsSearch search_;
  int starts_ = 0;
  double calls_ = 0;
  double least_ = std::numeric_limits<double>::infinity();
};

}  // namespace

std::unique_ptr<Primitive> global_evolution() { return std::make_unique<Evolution>(false); }
std::unique_ptr<Primitive> local_evolution() { return std::make_unique<Evolution>(true); }

}  // namespace scout
