//! The usual port of a service, by the scheme of its URL.

/// Schemes as clients write them, and the port that a server has unless it is told another one.
const PORTS: [(&str, u16); 52] = [
    ("amqp", 5672),
    ("amqps", 5671),
    ("bolt", 7687),
    ("cassandra", 9042),
    ("clickhouse", 9000),
    ("cockroachdb", 26257),
    ("consul", 8500),
    ("couchdb", 5984),
    ("elasticsearch", 9200),
    ("etcd", 2379),
    ("ftp", 21),
    ("http", 80),
    // Only the connection is tried: there is no TLS here.
    ("https", 443),
    ("kafka", 9092),
    ("ldap", 389),
    ("ldaps", 636),
    ("mariadb", 3306),
    ("memcache", 11211),
    ("memcached", 11211),
    ("mongodb", 27017),
    ("mqtt", 1883),
    ("mqtts", 8883),
    ("mssql", 1433),
    ("mysql", 3306),
    ("mysql2", 3306),
    ("mysqlx", 33060),
    ("nats", 4222),
    ("neo4j", 7687),
    ("opensearch", 9200),
    ("oracle", 1521),
    ("pgsql", 5432),
    ("postgis", 5432),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("pulsar", 6650),
    ("pyamqp", 5672),
    ("redis", 6379),
    ("redis+sentinel", 26379),
    ("rediss", 6379),
    ("sentinel", 26379),
    ("sftp", 22),
    ("smtp", 25),
    ("smtps", 465),
    ("sqlserver", 1433),
    ("ssh", 22),
    ("stomp", 61613),
    ("valkey", 6379),
    ("valkeys", 6379),
    ("vault", 8200),
    ("ws", 80),
    ("wss", 443),
    ("zookeeper", 2181),
];

/// The usual port of a scheme in lower case. A driver behind a `+` does not count (`postgresql+psycopg2`), but a scheme of
/// its own does.
#[must_use]
pub fn usual_port(scheme: &str) -> Option<u16> {
    let port = |name: &str| PORTS.iter().find(|(known, _)| *known == name).map(|&(_, port)| port);
    port(scheme).or_else(|| port(scheme.split('+').next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_do_not_count() {
        assert_eq!(usual_port("postgresql+psycopg2"), Some(5432));
        assert_eq!(usual_port("mysql+pymysql"), Some(3306));
        assert_eq!(usual_port("redis+sentinel"), Some(26379));
        assert_eq!(usual_port("redis+unheard"), Some(6379));
        assert_eq!(usual_port("unheard"), None);
        assert_eq!(usual_port(""), None);
        assert_eq!(usual_port("+postgres"), None);
    }

    #[test]
    fn each_scheme_is_there_once_and_in_order() {
        assert!(PORTS.is_sorted_by(|one, other| one.0 < other.0));
    }
}
