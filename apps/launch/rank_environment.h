// Which rank this process is, as the launcher that started it says by environment variables.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace cf::apps {

struct RankEnvironment {
  std::string launcher;  // "torchrun", "Open MPI", ...
  int rank = 0, world = 1, local_rank = 0;
  std::string host;           // of rank 0
  std::uint16_t port = 0;     // of the rendezvous there
  int listening_socket = -1;  // inherited: listens on the port already

  bool is_local() const { return launcher == kLocalLauncher; }
  static constexpr const char* kLocalLauncher = "convfirst";
};

// The value of an environment variable; null where it is not set or empty.
using Variables = std::function<std::optional<std::string>(const std::string& name)>;
Variables process_environment();

// The first launcher of the table whose variables are there; null for none, or where the world is 1.
//
//   launcher      rank, world                   local rank                    address of rank 0
//   convfirst     CONVFIRST_RANK, _WORLD        CONVFIRST_RANK                this host, CONVFIRST_PORT
//   torchrun      RANK, WORLD_SIZE              LOCAL_RANK                    MASTER_ADDR, MASTER_PORT + 1
//   Open MPI      OMPI_COMM_WORLD_RANK, _SIZE   OMPI_COMM_WORLD_LOCAL_RANK    MASTER_ADDR, MASTER_PORT
//   MPICH, Intel  PMI_RANK, PMI_SIZE            MPI_LOCALRANKID               MASTER_ADDR, MASTER_PORT
//   Slurm         SLURM_PROCID, SLURM_NTASKS    SLURM_LOCALID                 first of SLURM_JOB_NODELIST,
//   port by
//                                                                             SLURM_JOB_ID
//
// Slurm only inside a step that srun started (SLURM_STEP_ID), for processes that mpirun starts in a job
// inherit its variables. `master`, "HOST:PORT", goes before any of these addresses; where it is empty and
// MPI's processes are all on one host, that is the address. A variable that is missing or no number is a
// Usage error that names it.
std::optional<RankEnvironment> rank_environment(const Variables& variables, const std::string& master);

// The first host of a list as Slurm writes it: "gpu[003-010,12],login1" gives "gpu003".
std::string first_host(const std::string& node_list);

}  // namespace cf::apps
