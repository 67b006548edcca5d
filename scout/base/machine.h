// Where and by what a result was made, for those who read it later.
#pragma once

#include <nlohmann/json.hpp>

namespace scout {

/// {"cpu", "cores"} of this machine.
nlohmann::json machine_facts();
/// {"scout", "compiler"} of this build.
nlohmann::json version_facts();

}  // namespace scout
