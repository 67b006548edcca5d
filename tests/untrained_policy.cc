// Writes a policy that was never trained, for tests of what reads one, and as policies/network-base.scout:
// untrained_policy FILE [network]
#include <string_view>

#include "scout/policy/test_policy.h"

int main(int argc, char** argv) {
  if (argc == 2) {
    scout::untrained_policy()->save(argv[1]);
  } else if (argc == 3 && argv[2] == std::string_view("network")) {
    scout::untrained_network_policy()->save(argv[1]);
  } else {
    return 2;
  }
}
