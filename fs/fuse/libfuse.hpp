#pragma once

// The one place that chooses libfuse's interface version: the oldest supported, of Debian 12.
// What newer versions add is used where FUSE_VERSION says that it is there.
#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
