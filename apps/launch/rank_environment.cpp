#include "apps/launch/rank_environment.h"

#include <charconv>
#include <cstdlib>

#include "kernels/base/check.h"

namespace cf::apps {

namespace {

constexpr int kDefaultPort = 29511;
constexpr int kMaxRanks = 1 << 20;
// Slurm numbers what is not started by srun (the batch script, an interactive shell) from here on.
constexpr std::int64_t kFirstSpecialStep = 0xfffffff0;
constexpr int kFirstJobPort = 20000, kJobPorts = 10000;

std::int64_t to_number(const std::string& name, const std::string& text, std::int64_t least,
                       std::int64_t most) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  CF_CHECK_AS(ErrorKind::Usage,
              error == std::errc() && end == text.data() + text.size() && value >= least && value <= most,
              name, " is '", text, "', must be a number from ", least, " to ", most);
  return value;
}

// What one launcher calls things.
struct Names {
  const char* launcher;
  const char *rank, *world, *local_rank;
};

constexpr Names kLocal{RankEnvironment::kLocalLauncher, "CONVFIRST_RANK", "CONVFIRST_WORLD",
                       "CONVFIRST_RANK"};
constexpr Names kTorchrun{"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK"};
constexpr Names kOpenMpi{"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                         "OMPI_COMM_WORLD_LOCAL_RANK"};
constexpr Names kMpich{"MPICH", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"};
constexpr Names kSlurm{"Slurm", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"};

class Reader {
 public:
  explicit Reader(const Variables& variables) : variables_(variables) {}

  bool has(const char* name) const { return variables_(name).has_value(); }

  std::string text(const Names& names, const char* name) const {
    const auto value = variables_(name);
    CF_CHECK_AS(ErrorKind::Usage, value.has_value(), "this process was started by ", names.launcher, ", but ",
                name, " is not set");
    return *value;
  }

  std::int64_t number(const Names& names, const char* name, std::int64_t least, std::int64_t most) const {
    return to_number(name, text(names, name), least, most);
  }

  bool is(const Names& names) const { return has(names.rank) && has(names.world); }

  bool is_slurm_step() const {
    return is(kSlurm) && has("SLURM_STEP_ID") &&
           number(kSlurm, "SLURM_STEP_ID", 0, 0xffffffff) < kFirstSpecialStep;
  }

  RankEnvironment ranks(const Names& names) const {
    RankEnvironment ranks{.launcher = names.launcher};
    ranks.world = static_cast<int>(number(names, names.world, 1, kMaxRanks));
    ranks.rank = static_cast<int>(number(names, names.rank, 0, ranks.world - 1));
    if (has(names.local_rank))
      ranks.local_rank = static_cast<int>(number(names, names.local_rank, 0, kMaxRanks));
    return ranks;
  }

 private:
  const Variables& variables_;
};

void set_address(RankEnvironment& ranks, const std::string& master) {
  const auto colon = master.rfind(':');
  CF_CHECK_AS(ErrorKind::Usage, colon != std::string::npos && colon > 0, "--master is '", master,
              "', must be HOST:PORT, the same on all ranks");
  ranks.host = master.substr(0, colon);
  ranks.port =
      static_cast<std::uint16_t>(to_number("the port of --master", master.substr(colon + 1), 1, 65535));
}

// MPI says nothing of where rank 0 is, unless all are on one host.
void set_mpi_address(RankEnvironment& ranks, const Names& names, const Reader& reader,
                     const char* local_size) {
  const bool one_host =
      reader.has(local_size) && reader.number(names, local_size, 1, kMaxRanks) == ranks.world;
  CF_CHECK_AS(ErrorKind::Usage, one_host || reader.has("MASTER_ADDR"), "this process was started by ",
              names.launcher,
              ", which does not say where rank 0 is: give --master HOST:PORT, or pass MASTER_ADDR and "
              "MASTER_PORT on to all ranks");
  ranks.host = reader.has("MASTER_ADDR") ? reader.text(names, "MASTER_ADDR") : "127.0.0.1";
  ranks.port = static_cast<std::uint16_t>(
      reader.has("MASTER_PORT") ? reader.number(names, "MASTER_PORT", 1, 65535) : kDefaultPort);
}

void set_own_address(RankEnvironment& ranks, const Reader& reader) {
  ranks.host = "127.0.0.1";
  ranks.port = static_cast<std::uint16_t>(reader.number(kLocal, "CONVFIRST_PORT", 1, 65535));
  if (ranks.rank == 0)
    ranks.listening_socket = static_cast<int>(reader.number(kLocal, "CONVFIRST_SOCKET", 0, 1 << 20));
}

// torchrun listens on MASTER_PORT itself.
void set_torchrun_address(RankEnvironment& ranks, const Reader& reader) {
  ranks.host = reader.text(kTorchrun, "MASTER_ADDR");
  ranks.port = static_cast<std::uint16_t>(1 + reader.number(kTorchrun, "MASTER_PORT", 1, 65534));
}

void set_slurm_address(RankEnvironment& ranks, const Reader& reader) {
  ranks.host = first_host(reader.text(kSlurm, "SLURM_JOB_NODELIST"));
  const std::int64_t job = reader.number(kSlurm, "SLURM_JOB_ID", 0, std::int64_t{1} << 40);
  ranks.port = static_cast<std::uint16_t>(kFirstJobPort + job % kJobPorts);
}

}  // namespace

Variables process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

std::optional<RankEnvironment> rank_environment(const Variables& variables, const std::string& master) {
  const Reader reader(variables);
  const auto with_address = [&](const Names& names, auto set_usual) -> std::optional<RankEnvironment> {
    RankEnvironment ranks = reader.ranks(names);
    if (ranks.world == 1) return std::nullopt;
    master.empty() ? set_usual(ranks) : set_address(ranks, master);
    return ranks;
  };
  if (reader.is(kLocal))
    return with_address(kLocal, [&](RankEnvironment& ranks) { set_own_address(ranks, reader); });
  if (reader.is(kTorchrun))
    return with_address(kTorchrun, [&](RankEnvironment& ranks) { set_torchrun_address(ranks, reader); });
  if (reader.is(kOpenMpi))
    return with_address(kOpenMpi, [&](RankEnvironment& ranks) {
      set_mpi_address(ranks, kOpenMpi, reader, "OMPI_COMM_WORLD_LOCAL_SIZE");
    });
  if (reader.is(kMpich))
    return with_address(
        kMpich, [&](RankEnvironment& ranks) { set_mpi_address(ranks, kMpich, reader, "MPI_LOCALNRANKS"); });
  if (reader.is_slurm_step())
    return with_address(kSlurm, [&](RankEnvironment& ranks) { set_slurm_address(ranks, reader); });
  return std::nullopt;
}

std::string first_host(const std::string& node_list) {
  const auto end = node_list.find_first_of(",[");
  std::string host = node_list.substr(0, end);
  if (end != std::string::npos && node_list[end] == '[') {
    const auto close = node_list.find(']', end);
    CF_CHECK_AS(ErrorKind::Usage, close != std::string::npos, "SLURM_JOB_NODELIST is '", node_list,
                "', which has no closing bracket");
    host += node_list.substr(end + 1, node_list.find_first_of("-,]", end) - end - 1);
    // A suffix behind the bracket, as in "rack[1-2]-ib".
    host += node_list.substr(close + 1, node_list.find(',', close) - close - 1);
  }
  CF_CHECK_AS(ErrorKind::Usage, !host.empty(), "SLURM_JOB_NODELIST is '", node_list,
              "', which names no host");
  return host;
}

}  // namespace cf::apps
