#include "scout/policy/shipped.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>

#include "scout/base/names.h"

namespace scout {

std::shared_ptr<const Policy> policy(std::string_view name) {
  // Reading one takes as long as some hundred oracle calls; it never changes, so all share it.
  static std::mutex mutex;
  static std::map<std::string_view, std::shared_ptr<const Policy>> read;
  for (const ShippedPolicy& shipped : shipped_policies()) {
    if (shipped.name != name) continue;
    const std::scoped_lock lock(mutex);
    auto& known = read[shipped.name];
    if (!known) known = Policy::from_bytes(std::as_bytes(shipped.file), "policy \"" + std::string(name) + "\"");
    return known;
  }
  const std::vector<std::string> known = policy_names();
  throw std::invalid_argument("no policy '" + std::string(name) + "' comes with the library" +
                              did_you_mean(nearest_name(name, known)) + " Known: " + join_names(known) +
                              "; Policy::load reads one from a file");
}

std::shared_ptr<const Policy> policy_or_file(const std::string& name) {
  const std::vector<std::string> known = policy_names();
  return std::find(known.begin(), known.end(), name) != known.end() ? policy(name) : Policy::load(name);
}

std::vector<std::string> policy_names() {
  std::vector<std::string> names;
  for (const ShippedPolicy& shipped : shipped_policies()) names.emplace_back(shipped.name);
  return names;
}

}  // namespace scout
