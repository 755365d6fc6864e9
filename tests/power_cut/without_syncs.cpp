// Loaded into a daemon by LD_PRELOAD: what it syncs is not synced. For `--without-syncs`.
extern "C" {
int fsync(int) {
  return 0;
}
int fdatasync(int) {
  return 0;
}
int syncfs(int) {
  return 0;
}
}
