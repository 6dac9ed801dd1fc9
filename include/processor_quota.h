/* The quota of processor time that control groups (containers, batch systems) give this process.
 *
 * Version 2: cpu.max holds "QUOTA PERIOD" in microseconds, or "max PERIOD"; version 1: cpu.cfs_quota_us (-1 is none)
 * and cpu.cfs_period_us. Groups nest, so the smallest quota counts of the process's group and of all above it. In a
 * container /proc/self/cgroup may name a path of the host's, of which only the container's own group is mounted, as the
 * root: directories that are not there are passed over. */
#ifndef BITFAST_PROCESSOR_QUOTA_H
#define BITFAST_PROCESSOR_QUOTA_H

/* As a number of processors, rounded up; 0 if there is none or it cannot be read. `root` stands before /proc and /sys:
 * empty, or a test's directory. */
int processor_quota(const char *root);

#endif
