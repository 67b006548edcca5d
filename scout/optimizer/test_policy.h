// Moved to scout/policy.
#include "scout/policy/test_policy.h"
