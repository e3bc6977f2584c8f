// The CDK app that benchmarks/pipeline.py deploys: a template that is there already, taken in as it is.
const { App, BootstraplessSynthesizer, Stack } = require("aws-cdk-lib");
const { CfnInclude } = require("aws-cdk-lib/cloudformation-include");

const { STACK_NAME, TEMPLATE, CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;
const app = new App({ analyticsReporting: false });
const stack = new Stack(app, STACK_NAME, {
  env: { account, region },
  synthesizer: new BootstraplessSynthesizer(),
});
new CfnInclude(stack, "Site", { templateFile: TEMPLATE });
