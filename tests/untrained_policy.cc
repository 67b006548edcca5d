// Writes a policy that was never trained, for tests of what reads one: untrained_policy FILE
#include "scout/optimizer/test_policy.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  scout::untrained_policy()->save(argv[1]);
}
