/**
 * What New Relic's agent reads from the environment as it is loaded, with our defaults where the operator says nothing: no
 * file of its own (the root may be read-only), no copy of the log, whose redaction it would pass by, nothing of headers and
 * parameters, no error made from a status, since it is told of
 * the unforeseen ones themselves, and no question to the addresses where clouds describe
 * their machines.
 */
export function prepareNewRelic({ licenseKey, appName }: { licenseKey: string; appName: string }): void {
  const defaults = {
    NEW_RELIC_NO_CONFIG_FILE: 'true',
    NEW_RELIC_LOG_ENABLED: 'false',
    NEW_RELIC_APPLICATION_LOGGING_ENABLED: 'false',
    NEW_RELIC_ATTRIBUTES_EXCLUDE: 'request.headers.*,request.parameters.*,request.uri',
    NEW_RELIC_ERROR_COLLECTOR_IGNORE_ERROR_CODES: '400-599',
    NEW_RELIC_SLOW_SQL_ENABLED: 'false',
    NEW_RELIC_UTILIZATION_DETECT_AWS: 'false',
    NEW_RELIC_UTILIZATION_DETECT_AZURE: 'false',
    NEW_RELIC_UTILIZATION_DETECT_AZUREFUNCTION: 'false',
    NEW_RELIC_UTILIZATION_DETECT_GCP: 'false',
    NEW_RELIC_UTILIZATION_DETECT_PCF: 'false',
  };
  for (const [name, value] of Object.entries(defaults)) process.env[name] ??= value;
  process.env['NEW_RELIC_LICENSE_KEY'] = licenseKey;
  process.env['NEW_RELIC_APP_NAME'] = appName;
}
