#include "scout/base/machine.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>

namespace scout {

nlohmann::json machine_facts() {
  std::string cpu = "unknown";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) {
      cpu = line.substr(std::min(line.size(), line.find(':') + 2));
      break;
    }
  }
  return {{"cpu", cpu}, {"cores", std::thread::hardware_concurrency()}};
}

nlohmann::json version_facts() { return {{"scout", SCOUT_VERSION}, {"compiler", __VERSION__}}; }

}  // namespace scout
