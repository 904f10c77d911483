// How many cores this process may use.
#pragma once

namespace cf::apps {

int cores_of_affinity();

// What the quota of a container allows; 0: no quota.
double core_quota();

// The smaller of the two, rounded up; at least 1.
int usable_cores();

}  // namespace cf::apps
